//! What the pages say, in both languages.

use mandate_runtime::language::Language;

/// A title and what follows it.
pub(super) type Saying = (&'static str, &'static str);

/// All that the pages say in one language.
pub(super) struct Words {
    /// As in `<html lang>`.
    pub(super) tag: &'static str,
    pub(super) ask: Saying,
    pub(super) how_desktop: &'static str,
    pub(super) how_in_wechat: &'static str,
    pub(super) authorize: &'static str,
    pub(super) valid_minutes: fn(i64) -> String,
    pub(super) authorized: Saying,
    pub(super) pending: Saying,
    pub(super) incomplete: Saying,
    pub(super) refused: Saying,
    pub(super) go_on: &'static str,
    pub(super) again: &'static str,
    pub(super) close: &'static str,
    pub(super) unknown_link: Saying,
    pub(super) expired_link: Saying,
    pub(super) unavailable: Saying,
    pub(super) too_many: Saying,
    pub(super) unknown_state: Saying,
    pub(super) other_browser: Saying,
    pub(super) other_code: Saying,
    pub(super) no_code: Saying,
    pub(super) expired_visit: Saying,
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::Chinese => &CHINESE,
            Language::English => &ENGLISH,
        }
    }
}

static CHINESE: Words = Words {
    tag: "zh-CN",
    ask: (
        "授权您的公众号或小程序",
        "授权后，服务商可以按您勾选的权限为您的账号提供服务。您可以随时在微信公众平台取消授权。",
    ),
    how_desktop: "点击按钮后，请账号管理员用微信扫描页面上的二维码，并在手机上确认。",
    how_in_wechat: "点击按钮后，请选择要授权的账号并确认。只有账号管理员可以确认。",
    authorize: "去授权",
    valid_minutes: |minutes| format!("请在 {minutes} 分钟内完成。超时后刷新本页即可重新开始。"),
    authorized: ("授权成功", "您的账号已完成授权。"),
    pending: ("正在确认授权", "微信正在处理，通常只需几秒钟。本页会自动刷新，无需重复操作。"),
    incomplete: ("授权没有完成", "我们没有取得该账号的授权凭证。请重新授权；如果再次失败，请联系服务商。"),
    refused: ("授权没有完成", "微信没有接受这次返回的授权码。请重新授权；如果再次失败，请联系服务商。"),
    go_on: "继续",
    again: "重新授权",
    close: "现在可以关闭本页。",
    unknown_link: ("链接无效", "没有这个授权链接。请检查地址是否完整，或向服务商索取新的链接。"),
    expired_link: ("链接已过期", "这个授权链接已经失效。请向服务商索取新的链接。"),
    unavailable: ("暂时无法授权", "现在无法连接微信，请几分钟后刷新本页再试。"),
    too_many: ("操作过于频繁", "请稍等片刻再试。"),
    unknown_state: ("页面无效", "这个地址不是由本页发起的授权。请重新打开授权链接。"),
    other_browser: (
        "请使用原来的浏览器",
        "授权是在另一个浏览器中发起的，或者浏览器没有保存 Cookie。请用同一个浏览器重新打开授权链接。",
    ),
    other_code: ("页面已经使用过", "这次授权已经返回过另一个授权码。请重新打开授权链接。"),
    no_code: ("授权没有完成", "微信没有带回授权码。请重新打开授权链接。"),
    expired_visit: ("页面已过期", "从打开页面到确认的时间过长，授权码没有被使用。请重新打开授权链接。"),
};

static ENGLISH: Words = Words {
    tag: "en",
    ask: (
        "Authorize your WeChat account",
        "The provider will then act for your official account or mini program within the permissions that you tick. You can take this back at any time in the WeChat console.",
    ),
    how_desktop: "After the button, the account's administrator scans the QR code with WeChat and confirms on the phone.",
    how_in_wechat: "After the button, choose the account and confirm. Only its administrator can.",
    authorize: "Authorize",
    valid_minutes: |minutes| {
        format!("Please finish within {minutes} minutes. After that, reload this page to start again.")
    },
    authorized: ("Authorized", "Your account has been authorized."),
    pending: ("Confirming", "WeChat is at it; this usually takes a few seconds. The page reloads by itself."),
    incomplete: (
        "Not authorized",
        "We did not get the account's credentials. Please authorize again; if that fails too, ask your provider.",
    ),
    refused: (
        "Not authorized",
        "WeChat did not accept the code that came back. Please authorize again; if that fails too, ask your provider.",
    ),
    go_on: "Continue",
    again: "Authorize again",
    close: "You can close this page now.",
    unknown_link: (
        "No such link",
        "Please check that the address is complete, or ask your provider for a new link.",
    ),
    expired_link: ("The link has expired", "Please ask your provider for a new one."),
    unavailable: (
        "Not possible right now",
        "WeChat cannot be reached. Please reload this page in a few minutes.",
    ),
    too_many: ("Too many requests", "Please wait a moment and try again."),
    unknown_state: (
        "Not a page of ours",
        "This address does not belong to an authorization that was begun here. Please open your link again.",
    ),
    other_browser: (
        "Please use the same browser",
        "The authorization was begun in another browser, or this one keeps no cookies. Please open your link again and stay in one browser.",
    ),
    other_code: (
        "Used already",
        "This authorization has brought back another code before. Please open your link again.",
    ),
    no_code: ("Not authorized", "WeChat brought back no code. Please open your link again."),
    expired_visit: (
        "The page has expired",
        "It took too long from opening the page to confirming; the code was not used. Please open your link again.",
    ),
};
