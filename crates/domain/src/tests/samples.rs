//! One component, one merchant, and callbacks as `WeChat` writes them. Times are small Unix seconds.

use jiff::Timestamp;
use mandate_schema::{
    AccountKind, AuthorizerId, CodeDigest, ComponentId, CreateTime, Profile, Secret, StreamName,
};
use mandate_wechat::callback::{Callback, parse_callback};

use crate::{AccessToken, AuthorizerInfo, Redeemed, Refusal};

pub(super) const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
pub(super) const MERCHANT: &str = "wxa0b1c2d3e4f50617";
/// How long after its callback a code expires.
pub(super) const CODE_LIFE: i64 = 3600;

/// In seconds. After it no answer is stale any more.
pub(super) const HOUR: i64 = 3600;

pub(super) fn component() -> ComponentId {
    COMPONENT.parse().unwrap()
}

pub(super) fn merchant() -> AuthorizerId {
    MERCHANT.parse().unwrap()
}

pub(super) fn merchant_stream() -> StreamName {
    StreamName::Authorizer(component(), merchant())
}

pub(super) fn component_stream() -> StreamName {
    StreamName::Component(component())
}

pub(super) fn digest(code: &str) -> CodeDigest {
    CodeDigest::of(&Secret::new(code))
}

pub(super) fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A callback as the ingress gets it, from its `InfoType` and the elements that only this type has.
#[track_caller]
pub(super) fn callback(time: i64, info_type: &str, elements: &str) -> Callback {
    opened(info_type, &format!("<CreateTime>{time}</CreateTime>{elements}"), time)
}

/// A callback without a `CreateTime`, in a push that was signed at this time.
#[track_caller]
pub(super) fn callback_without_time(signed_at: i64, info_type: &str, elements: &str) -> Callback {
    opened(info_type, elements, signed_at)
}

#[track_caller]
fn opened(info_type: &str, elements: &str, signed_at: i64) -> Callback {
    let head = format!("<AppId>{COMPONENT}</AppId><InfoType>{info_type}</InfoType>");
    parse_callback(&format!("<xml>{head}{elements}</xml>"), CreateTime(signed_at)).unwrap()
}

/// The code that a grant carries if a test does not care.
pub(super) fn code_of(time: i64) -> String {
    format!("queryauthcode@@@{time}")
}

pub(super) fn authorized(time: i64, code: &str) -> Callback {
    grant(time, "authorized", code)
}

pub(super) fn authorized_at(time: i64) -> Callback {
    authorized(time, &code_of(time))
}

pub(super) fn updateauthorized(time: i64, code: &str) -> Callback {
    grant(time, "updateauthorized", code)
}

pub(super) fn updateauthorized_at(time: i64) -> Callback {
    updateauthorized(time, &code_of(time))
}

fn grant(time: i64, info_type: &str, code: &str) -> Callback {
    let expires_at = time + CODE_LIFE;
    let expiry = format!("<AuthorizationCodeExpiredTime>{expires_at}</AuthorizationCodeExpiredTime>");
    callback(time, info_type, &format!("{}{expiry}", with_code(code)))
}

fn with_code(code: &str) -> String {
    format!("{}<AuthorizationCode>{code}</AuthorizationCode>", names_authorizer())
}

fn names_authorizer() -> String {
    format!("<AuthorizerAppid>{MERCHANT}</AuthorizerAppid>")
}

pub(super) fn unauthorized_at(time: i64) -> Callback {
    callback(time, "unauthorized", &names_authorizer())
}

/// Both `InfoType`s of a grant, without a code.
pub(super) fn grants_without_code(time: i64) -> [Callback; 2] {
    ["authorized", "updateauthorized"].map(|info_type| callback(time, info_type, &names_authorizer()))
}

/// When pushes without a `CreateTime` are signed. It orders no facts.
pub(super) const SIGNED_AT: i64 = 350;

pub(super) fn authorized_without_time(code: &str) -> Callback {
    callback_without_time(SIGNED_AT, "authorized", &with_code(code))
}

pub(super) fn unauthorized_without_time() -> Callback {
    callback_without_time(SIGNED_AT, "unauthorized", &names_authorizer())
}

/// The answer to `api_query_auth` of an authorizer that has no API permission: a code, and nothing else.
pub(super) fn bare_answer(code: &str, via: mandate_schema::GrantedVia) -> Redeemed {
    Redeemed {
        digest: digest(code),
        via,
        tag: None,
        refresh_token: None,
        access_token: None,
        permissions: None,
    }
}

pub(super) fn access_token() -> AccessToken {
    AccessToken { token: Secret::new("access token"), expires_in: 7200 }
}

/// The answer to `api_get_authorizer_info` that says nothing but that the authorizer authorizes us.
pub(super) fn silent_info() -> AuthorizerInfo {
    AuthorizerInfo::default()
}

/// The same with a refresh token.
pub(super) fn info_with_token(token: &str) -> AuthorizerInfo {
    AuthorizerInfo { refresh_token: Some(Secret::new(token)), ..silent_info() }
}

/// The same with permission sets.
pub(super) fn info_granting(permissions: &[i64]) -> AuthorizerInfo {
    AuthorizerInfo { permissions: Some(permissions.to_vec()), ..silent_info() }
}

/// The same with a profile.
pub(super) fn info_of(nick_name: &str) -> AuthorizerInfo {
    AuthorizerInfo { profile: Some(profile(nick_name)), ..silent_info() }
}

pub(super) fn profile(nick_name: &str) -> Profile {
    Profile {
        nick_name: Some(nick_name.to_owned()),
        user_name: Some("gh_0a1b2c3d4e5f".to_owned()),
        kind: AccountKind::MiniProgram,
        principal_name: None,
        head_img: None,
        alias: None,
        qrcode_url: None,
        signature: None,
        service_type: Some(0),
        verify_type: None,
        account_status: Some(1),
        register_type: None,
    }
}

/// `WeChat` does not know the code, or not any more.
pub(super) fn code_refused() -> Refusal {
    Refusal { errcode: 61009, errmsg: "invalid code".to_owned(), rid: Some("6789-abcd".to_owned()) }
}

/// `WeChat` refuses a refresh token.
pub(super) fn token_refused() -> Refusal {
    Refusal { errcode: 61023, errmsg: "invalid refresh_token".to_owned(), rid: Some("6789-ef01".to_owned()) }
}
