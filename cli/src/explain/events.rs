//! What the events say, for people.

use super::{Both, Entry, Whose};

/// The type of messages, which are published but are no events of the log.
pub(super) const MESSAGE: &str = "message.received";

const NOTHING: Both = ("Nothing: it is for your records and subscribers.", "无需处理，供记录和订阅方使用。");

pub(super) fn lookup(name: &str) -> Option<Entry> {
    authorization(name).or_else(|| credentials(name)).or_else(|| others(name))
}

fn authorization(name: &str) -> Option<Entry> {
    Some(match name {
        "authorization.granted" => (
            (
                "An account that was not held has authorized the component.",
                "一个此前未授权的账号授权了第三方平台。",
            ),
            Whose::Nobody,
            (
                "Nothing: the code is redeemed and the profile is read by itself.",
                "无需处理，会自动兑换授权码并读取资料。",
            ),
        ),
        "authorization.updated" => (
            (
                "An account that was held has confirmed its authorization again.",
                "已授权的账号再次确认了授权。",
            ),
            Whose::Nobody,
            (
                "Nothing: see authorization.permissions_changed for what is different.",
                "无需处理，变化见 authorization.permissions_changed。",
            ),
        ),
        "authorization.revoked" => (
            ("The account has revoked its authorization.", "账号已取消授权。"),
            Whose::Merchant,
            (
                "Stop calling for this account. If the merchant did not mean it: make a link with `mandate link create`.",
                "请停止代该账号调用。如非商户本意，请用 `mandate link create` 生成链接重新授权。",
            ),
        ),
        "authorization.permissions_changed" => (
            ("The permission sets that the account grants have changed.", "账号授予的权限集发生变化。"),
            Whose::Merchant,
            (
                "See gained and lost; if one is missing that you need, ask the merchant to confirm again with it.",
                "请查看 gained 和 lost；如缺少所需权限集，请商户重新确认授权。",
            ),
        ),
        _ => return None,
    })
}

fn credentials(name: &str) -> Option<Entry> {
    Some(match name {
        "credentials.issued" => (
            ("A code was redeemed: there is a refresh token.", "授权码已兑换，取得刷新令牌。"),
            Whose::Nobody,
            NOTHING,
        ),
        "credentials.rotated" => (
            ("A refresh brought another refresh token, which is stored.", "刷新后取得新的刷新令牌，已保存。"),
            Whose::Nobody,
            NOTHING,
        ),
        "credentials.rejected" => (
            ("WeChat refuses the refresh token, and recovery failed.", "微信拒绝刷新令牌，且找回失败。"),
            Whose::Merchant,
            (
                "Only the merchant can authorize again: make a link with `mandate link create`. errcode says why; `mandate explain` explains it.",
                "只能由商户重新授权：请用 `mandate link create` 生成链接。原因见 errcode，可用 `mandate explain` 查看。",
            ),
        ),
        "credentials.recovered" => (
            (
                "A refresh token was recovered from WeChat's info or list.",
                "已从账号信息或授权列表中找回刷新令牌。",
            ),
            Whose::Nobody,
            NOTHING,
        ),
        "redemption.failed" => (
            ("A code could not be redeemed, and recovery failed.", "授权码兑换失败，且找回失败。"),
            Whose::Merchant,
            (
                "Ask the merchant to authorize again. If it happens often, look at errcode, the callback delay, and other systems that redeem codes.",
                "请商户重新授权。若频繁出现，请检查 errcode、回调延迟，以及是否有其他系统也在兑换授权码。",
            ),
        ),
        _ => return None,
    })
}

fn others(name: &str) -> Option<Entry> {
    Some(match name {
        "component.ticket_received" => (
            (
                "WeChat pushed a component_verify_ticket; it does so every 10 minutes.",
                "微信推送了 component_verify_ticket，每 10 分钟一次。",
            ),
            Whose::Nobody,
            NOTHING,
        ),
        "component.notice_received" => (
            (
                "WeChat pushed another notice to the authorization event URL.",
                "微信向授权事件 URL 推送了其他通知。",
            ),
            Whose::Nobody,
            (
                "See info_type and document; some, such as 备案 results, need an answer of the operator.",
                "请查看 info_type 和 document；部分通知（如备案结果）需要运营处理。",
            ),
        ),
        "profile.recorded" => {
            (("The account's profile has changed.", "账号资料发生变化。"), Whose::Nobody, NOTHING)
        }
        "authorizer.erased" => (
            (
                "The authorizer's secrets and personal data were erased by an operator.",
                "授权方的密钥和个人数据已由运维人员清除。",
            ),
            Whose::Operator,
            ("Delete what you store of this account.", "请删除你保存的该账号数据。"),
        ),
        "webhook.disabled" => (
            ("A webhook endpoint failed for too long and was disabled.", "webhook 地址持续失败，已被停用。"),
            Whose::Operator,
            (
                "Repair the endpoint, then resume it: POST /api/v1/webhooks/ID/resume. Nothing is lost: delivery goes on where it stopped. \
                 `mandate webhook list` shows how far it has come.",
                "请修复接收端，然后恢复：POST /api/v1/webhooks/ID/resume。事件不会丢失，会从中断处继续投递；`mandate webhook list` 显示进度。",
            ),
        ),
        "log.cut" => (
            (
                "The database was restored: events above holds_to under the former log id are void.",
                "数据库已恢复：旧 log_id 下 holds_to 之后的事件作废。",
            ),
            Whose::Operator,
            (
                "Drop what you took over above holds_to, and go on with the new log_id.",
                "请丢弃 holds_to 之后的数据，并以新的 log_id 继续读取。",
            ),
        ),
        MESSAGE => (
            (
                "A user's message to an account, or an event of the account.",
                "用户发给账号的消息，或账号的事件。",
            ),
            Whose::Nobody,
            NOTHING,
        ),
        _ => return None,
    })
}
