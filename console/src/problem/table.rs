//! What is said about each code, in both languages.

use actix_web::http::StatusCode;
use mandate_runtime::language::Language;
use serde::{Serialize, Serializer};

use super::{AboutCode, Code};

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Code {
    /// The name in the answers.
    pub fn as_str(self) -> &'static str {
        row(self).1
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(row(self).0).expect("the table holds HTTP statuses")
    }

    /// What the code means and what to do about it.
    pub fn about(self, language: Language) -> AboutCode {
        let (status, code, title, title_zh, (cure, cure_zh)) = row(self);
        AboutCode { code, status, title: language.pick(title, title_zh), cure: language.pick(cure, cure_zh) }
    }
}

/// What to do, in English and Chinese.
type Cure = (&'static str, &'static str);

/// Status, name, title in English and Chinese, and what to do.
type Row = (u16, &'static str, &'static str, &'static str, Cure);

#[rustfmt::skip]
fn row(code: Code) -> Row {
    match code {
        Code::LoopbackOnly => (403, "loopback_only", "Only this machine is answered", "只接受本机请求", ASK_LOCALLY),
        Code::CrossOrigin => (403, "cross_origin", "A page of another site asked", "请求来自其他网站的页面", ASK_LOCALLY),
        Code::Unauthenticated => (401, "unauthenticated", "A key is needed", "需要 API 密钥", SEND_KEY),
        Code::InsufficientScope => (403, "insufficient_scope", "The key does not open this", "密钥缺少所需的权限范围", ASK_OPERATOR),
        Code::OutOfReach => (403, "out_of_reach", "The key is limited to others", "密钥不能访问该第三方平台或授权方", ASK_OPERATOR),
        Code::TooManyRefusals => (429, "too_many_refusals", "Too many refused requests", "被拒绝的请求过多", WAIT),
        Code::UnknownRoute => (404, "unknown_route", "There is nothing here", "该地址不存在", CHECK_ADDRESS),
        Code::NotFound => (404, "not_found", "It does not exist", "对象不存在", CHECK_ADDRESS),
        Code::MethodNotAllowed => (405, "method_not_allowed", "Another method is wanted", "不支持该请求方法", USE_ALLOWED),
        Code::UnknownParameter => (400, "unknown_parameter", "Unknown query parameter", "未知的查询参数", CORRECT),
        Code::InvalidParameter => (400, "invalid_parameter", "Unusable query parameter", "查询参数无效", CORRECT),
        Code::InvalidId => (400, "invalid_id", "Not an id", "ID 格式无效", CORRECT),
        Code::InvalidCursor => (400, "invalid_cursor", "Unusable cursor", "游标无效", START_LIST),
        Code::InvalidBody => (400, "invalid_body", "Unusable body", "请求体无效", SEND_RIGHT_BODY),
        Code::BodyTooLarge => (413, "body_too_large", "The body is too large", "请求体过大", SEND_RIGHT_BODY),
        Code::BodyTooSlow => (408, "body_too_slow", "The body did not arrive in time", "请求体未在时限内传完", SEND_RIGHT_BODY),
        Code::UnsupportedMediaType => (415, "unsupported_media_type", "The body is not JSON", "请求体不是 JSON", SEND_RIGHT_BODY),
        Code::TooManyWebhooks => (409, "too_many_webhooks", "Too many webhooks", "webhook 数量已达上限", CORRECT),
        Code::TooManyStreams => (503, "too_many_streams", "Too many streams of events", "事件流连接数已达上限", WAIT),
        Code::LogReset => (409, "log_reset", "The position is not of this log", "该位置不属于当前日志", START_LOG),
        Code::ProxyRefused => (400, "proxy_refused", "The proxy does not make this call", "代理不转发该调用", CORRECT),
        Code::ComponentOnly => (400, "component_only", "A call of the component itself", "这是第三方平台自身的接口", CORRECT),
        Code::Revoked => (409, "revoked", "The account has revoked its authorization", "授权方已取消授权", ASK_MERCHANT),
        Code::Broken => (409, "broken", "The account's credentials are lost", "授权方的凭证已丢失", ASK_MERCHANT),
        Code::NoApiPermission => (409, "no_api_permission", "The account has authorized nothing with an API", "授权方没有授予任何接口权限", ASK_MERCHANT),
        Code::Erased => (409, "erased", "The authorizer was erased", "授权方的数据已清除", ASK_MERCHANT),
        Code::Pending => (503, "pending", "The account's code is being redeemed", "正在兑换授权方的授权码", REPEAT),
        Code::NoTicket => (503, "no_ticket", "There is no ticket that WeChat accepts", "没有可用的 component_verify_ticket", SEE_TICKETS),
        Code::UpstreamUnavailable => (503, "upstream_unavailable", "WeChat cannot be asked", "暂时无法调用微信", SEE_UPSTREAM),
        Code::QuotaSpent => (503, "quota_spent", "A quota at WeChat is spent", "微信接口额度已用完", SEE_UPSTREAM),
        Code::StorageUnavailable => (503, "storage_unavailable", "The database does not answer", "数据库无响应", REPEAT),
        Code::InternalError => (500, "internal_error", "The service could not do it", "服务内部错误", SEE_LOG),
    }
}

const ASK_LOCALLY: Cure = (
    "Ask from the machine that runs the worker, as http://127.0.0.1 or http://localhost and without a proxy, or make a key: `mandate api-key create`.",
    "请在运行 worker 的机器上直接访问 http://127.0.0.1 或 http://localhost（不经过代理），或用 `mandate api-key create` 创建密钥。",
);
const ASK_OPERATOR: Cure = (
    "Ask the operator for a key that opens it: `mandate api-key create`.",
    "请向运维人员申请具备相应权限的密钥：`mandate api-key create`。",
);
const WAIT: Cure = (
    "Correct the key or the rate of requests, and retry after the time of Retry-After.",
    "请更正密钥或降低请求频率，并在 Retry-After 指定的时间之后重试。",
);
const CHECK_ADDRESS: Cure = ("Check the address and the ids in it.", "请检查地址以及其中的 ID。");
const USE_ALLOWED: Cure = ("Use a method of the Allow header.", "请使用 Allow 响应头列出的方法。");
const CORRECT: Cure = ("Correct the request as the detail says.", "请按 detail 的说明更正请求。");
const START_LIST: Cure = (
    "Start again without a cursor, then pass on next_cursor exactly as it was given.",
    "请不带游标重新开始，之后原样传回 next_cursor。",
);
const SEND_KEY: Cure = (
    "Send the key as Authorization: Bearer KEY. `mandate api-key create` makes one, also when all others have ended.",
    "请以 Authorization: Bearer KEY 发送密钥。`mandate api-key create` 可创建密钥，所有密钥失效后同样可用。",
);
const SEND_RIGHT_BODY: Cure = (
    "Send what the detail asks for as application/json; where no body is expected, none or {}.",
    "请按 detail 的要求以 application/json 发送；不需要请求体的接口请留空或发送 {}。",
);
const START_LOG: Cure = (
    "The database was restored or replaced. Read again from the start (after=0) and take over the log_id of the answer.",
    "数据库已恢复或更换。请从头读取（after=0），并采用响应中的 log_id。",
);
const REPEAT: Cure =
    ("Repeat the same request later; repeating is harmless.", "请稍后重复同一请求，重复请求没有副作用。");
const ASK_MERCHANT: Cure = (
    "Ask the merchant to authorize the component, with the permission sets that are needed.",
    "请商户重新授权，并勾选所需的权限集。",
);
const SEE_TICKETS: Cure = (
    "WeChat pushes a ticket every 10 minutes. If none comes, look at the callback address and at the component's standing on the WeChat Open Platform.",
    "微信每 10 分钟推送一次 ticket。若一直没有收到，请检查回调地址，以及第三方平台在微信开放平台的状态。",
);
const SEE_UPSTREAM: Cure = (
    "Repeat after the time of Retry-After. upstream, if there is one, is what WeChat said; `mandate explain CODE` tells more.",
    "请在 Retry-After 指定的时间之后重试。upstream（如果有）是微信返回的内容，`mandate explain CODE` 有更多说明。",
);
const SEE_LOG: Cure = ("Look at the service's log, which says why.", "原因见服务日志。");
