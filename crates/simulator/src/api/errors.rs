//! `WeChat`'s error numbers that this side gives, with its texts.

use std::net::IpAddr;

pub(crate) const BUSY: i64 = -1;
pub(crate) const INVALID_CREDENTIAL: i64 = 40001;
pub(crate) const INVALID_APPID: i64 = 40013;
pub(crate) const INVALID_URL: i64 = 40066;
pub(crate) const INVALID_APPSECRET: i64 = 40125;
pub(crate) const OUT_OF_RANGE: i64 = 40170;
pub(crate) const BAD_PARAMETERS: i64 = 40097;
pub(crate) const OPENID_INVALID: i64 = 40003;
pub(crate) const ACCOUNT_TOKEN_REQUIRED: i64 = 61015;
pub(crate) const TOKEN_MISSING: i64 = 41001;
pub(crate) const APPID_MISSING: i64 = 41002;
pub(crate) const SECRET_MISSING: i64 = 41004;
pub(crate) const CODE_MISSING: i64 = 41008;
pub(crate) const COMPONENT_APPID_MISSING: i64 = 41018;
pub(crate) const TICKET_MISSING: i64 = 41020;
pub(crate) const COMPONENT_TOKEN_MISSING: i64 = 41021;
pub(crate) const TOKEN_EXPIRED: i64 = 42001;
pub(crate) const POST_REQUIRED: i64 = 43002;
pub(crate) const EMPTY_BODY: i64 = 44002;
pub(crate) const QUOTA: i64 = 45009;
pub(crate) const NOT_JSON: i64 = 47001;
pub(crate) const NOT_UTF8: i64 = 47002;
pub(crate) const CLEARS_USED_UP: i64 = 48006;
pub(crate) const NOT_AUTHORIZED: i64 = 61003;
pub(crate) const CALLING_IP: i64 = 61004;
pub(crate) const TICKET_EXPIRED: i64 = 61005;
pub(crate) const INVALID_TICKET: i64 = 61006;
pub(crate) const INVALID_CODE: i64 = 61009;
pub(crate) const CODE_EXPIRED: i64 = 61010;
pub(crate) const INVALID_COMPONENT: i64 = 61011;
pub(crate) const INVALID_OPTION: i64 = 61012;
pub(crate) const INVALID_OPTION_VALUE: i64 = 61013;
pub(crate) const COMPONENT_TOKEN_REQUIRED: i64 = 61014;
pub(crate) const INVALID_REFRESH_TOKEN: i64 = 61023;

/// A failure as `WeChat` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: i64,
    /// The text in front of the `rid`.
    pub(crate) message: String,
}

impl ApiError {
    /// The failure of this number.
    pub(crate) fn new(code: i64) -> Self {
        Self { code, message: text(code).to_owned() }
    }

    /// 61004, which names the address.
    pub(crate) fn calling_ip(peer: IpAddr) -> Self {
        let message = format!("access clientip is not registered, requestIP: {peer}");
        Self { code: CALLING_IP, message }
    }
}

fn text(code: i64) -> &'static str {
    match code {
        BUSY => "system error",
        INVALID_CREDENTIAL => "invalid credential, access_token is invalid or not latest",
        INVALID_APPID => "invalid appid",
        INVALID_URL => "invalid url",
        INVALID_APPSECRET => "invalid appsecret",
        OUT_OF_RANGE => "args count or offset out of range",
        BAD_PARAMETERS => "invalid args",
        OPENID_INVALID => "invalid openid",
        ACCOUNT_TOKEN_REQUIRED => "access token of the authorizer is required",
        TOKEN_MISSING => "access_token missing",
        APPID_MISSING => "appid missing",
        SECRET_MISSING => "appsecret missing",
        CODE_MISSING => "missing code",
        COMPONENT_APPID_MISSING => "component_appid missing",
        TICKET_MISSING => "component_verify_ticket missing",
        COMPONENT_TOKEN_MISSING => "component_access_token missing",
        TOKEN_EXPIRED => "access_token expired",
        POST_REQUIRED => "require POST method",
        EMPTY_BODY => "empty post data",
        QUOTA => "reach max api daily quota limit",
        NOT_JSON => "data format error",
        NOT_UTF8 => "data is not utf-8",
        CLEARS_USED_UP => "forbid to clear quota because of reaching the limit",
        NOT_AUTHORIZED => "component is not authorized by this account",
        CALLING_IP => "access clientip is not registered",
        TICKET_EXPIRED => "component ticket is expired",
        INVALID_TICKET => "component ticket is invalid",
        INVALID_CODE => "code is invalid",
        CODE_EXPIRED => "code is expired",
        INVALID_COMPONENT => "invalid component",
        INVALID_OPTION => "invalid option name",
        INVALID_OPTION_VALUE => "invalid option value",
        COMPONENT_TOKEN_REQUIRED => "access token type error, need component access token",
        INVALID_REFRESH_TOKEN => "refresh_token is invalid",
        _ => "error",
    }
}
