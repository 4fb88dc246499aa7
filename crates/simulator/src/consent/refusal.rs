//! Why a page does not open.

/// In the words that are nearest to `WeChat`'s.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nobody came from a page, or from one of another host than the browser is to go back to.
    #[error(
        "请确认授权入口页所在域名，与授权后回调页所在域名相同 (the referer is missing, or of another host than redirect_uri)"
    )]
    Referer,
    /// A parameter is missing or makes no sense.
    #[error("参数错误 ({0})")]
    Parameter(&'static str),
    /// No such platform.
    #[error("component_appid 错误 (no such component)")]
    Component,
    /// The pre-auth code is unknown, used or expired.
    #[error("授权链接已失效，请返回重试 (the pre-auth code is unknown, used or expired)")]
    PreAuthCode,
    /// The form for phones, elsewhere.
    #[error("请在微信客户端打开链接 (this form works inside WeChat only)")]
    NotInWechat,
    /// An account that the page does not offer.
    #[error("该账号不在可授权的范围内 (this account may not confirm here)")]
    Merchant,
    /// The merchant could not confirm.
    #[error("授权失败 ({0})")]
    Order(String),
}
