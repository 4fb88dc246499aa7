//! What to do about a refusal, in English and Chinese.

use super::{ErrorEntry, Fault};

/// The cure of this very number, or what holds for its kind.
pub(super) fn of(entry: &ErrorEntry) -> (&'static str, &'static str) {
    special(entry.code).unwrap_or_else(|| usual(entry.fault))
}

fn usual(fault: Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::Nobody => ("Nothing: it is repaired by itself.", "无需处理，会自动修复。"),
        Fault::Us => (
            "The request is wrong: mend the calling program, and keep the rid for WeChat's support.",
            "请求有误：请修正调用程序，并保留 rid 以便向微信咨询。",
        ),
        Fault::Platform => (
            "Look at the component's settings, permission sets and notices on the WeChat Open Platform.",
            "请在微信开放平台检查第三方平台的设置、权限集和站内通知。",
        ),
        Fault::Merchant => (
            "Ask the merchant to look at the account's permissions, standing and notices.",
            "请商户检查账号的权限、状态和站内通知。",
        ),
        Fault::User => ("Tell the person concerned; they may start again.", "请告知相关用户，可重新发起。"),
        Fault::WeChat => ("Wait: it is tried again.", "请等待，会自动重试。"),
    }
}

fn special(code: i64) -> Option<(&'static str, &'static str)> {
    token(code).or_else(|| account(code)).or_else(|| platform(code))
}

fn token(code: i64) -> Option<(&'static str, &'static str)> {
    Some(match code {
        40001 => (
            "The token is replaced and the call made once more. From api_component_token it means that the app \
             secret is wrong: correct it.",
            "会自动更换凭证并重试一次。若来自 api_component_token，说明 AppSecret 错误，请更正。",
        ),
        40091 | 61005 | 61006 => (
            "The newest ticket is used. If it goes on, see whether tickets still come every 10 minutes, and start \
             them again (api_start_push_ticket).",
            "会使用最新的 ticket。若持续出现，请检查是否每 10 分钟收到 ticket，并重新启动推送（api_start_push_ticket）。",
        ),
        61009 | 61010 => (
            "See whether the code was redeemed already. Else the refresh token is recovered from the account's info; \
             if there is none, the merchant must authorize again.",
            "请检查该授权码是否已兑换；否则会从账号信息中找回刷新令牌，找不到时需商户重新授权。",
        ),
        61023 => (
            "The refresh token is recovered from the account's info or the list; the merchant need not scan again \
             while WeChat still knows it.",
            "会从账号信息或授权列表中找回刷新令牌；只要微信仍有记录，商户无需重新扫码。",
        ),
        _ => return None,
    })
}

fn account(code: i64) -> Option<(&'static str, &'static str)> {
    Some(match code {
        48001 | 61007 | 61017 => (
            "See the account's permission sets; the merchant must confirm again with the one that is missing.",
            "请查看该账号的权限集；缺少的权限集需商户重新确认授权。",
        ),
        61003 => (
            "The authorization is checked and then marked as revoked; the merchant may authorize again.",
            "会先核实，再标记为已取消授权；商户可重新授权。",
        ),
        89503..=89507 => (
            "The account's administrator must allow this address; wait, then try by hand.",
            "需账号管理员同意此 IP，请等待后手动重试。",
        ),
        _ => return None,
    })
}

fn platform(code: i64) -> Option<(&'static str, &'static str)> {
    Some(match code {
        40125 => (
            "The configured app secret is not the one in force: set the new one.",
            "配置的 AppSecret 已失效，请更新为当前的 AppSecret。",
        ),
        40164 | 45035 | 61004 => (
            "Add the address that WeChat names to the component's list; it is the one our calls leave from.",
            "请将微信返回的 IP 加入第三方平台的白名单，即本服务的出口 IP。",
        ),
        45009 => (
            "No more calls to this API today. Find out what calls so often; clearing the quota is possible 10 times \
             a month.",
            "今日不再调用该接口。请查明频繁调用的原因；每月可清零 10 次。",
        ),
        45011 => ("It is tried again after a minute, more slowly.", "一分钟后以更低频率重试。"),
        61028 => (
            "Release the component, or add the account to its test list.",
            "请全网发布第三方平台，或将该账号加入测试列表。",
        ),
        _ => return None,
    })
}
