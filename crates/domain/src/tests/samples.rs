//! One component, one merchant, and callbacks as `WeChat` writes them. Times are small Unix seconds.

use jiff::Timestamp;
use mandate_schema::{
    AccountKind, AuthorizerId, CodeDigest, ComponentId, Profile, RecoverySource, Secret, StreamName,
};
use mandate_wechat::callback::{Callback, parse_callback};

use crate::{AccessToken, AccountInfo, Redeemed, Refusal};

pub(super) const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
pub(super) const MERCHANT: &str = "wxa0b1c2d3e4f50617";
/// How long after its callback a code expires.
pub(super) const CODE_LIFE: i64 = 3600;

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
    let head = format!("<AppId>{COMPONENT}</AppId><CreateTime>{time}</CreateTime>");
    parse_callback(&format!("<xml>{head}<InfoType>{info_type}</InfoType>{elements}</xml>")).unwrap()
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
    callback(
        time,
        info_type,
        &format!(
            "<AuthorizerAppid>{MERCHANT}</AuthorizerAppid><AuthorizationCode>{code}</AuthorizationCode>\
             <AuthorizationCodeExpiredTime>{expires_at}</AuthorizationCodeExpiredTime>"
        ),
    )
}

pub(super) fn unauthorized_at(time: i64) -> Callback {
    callback(time, "unauthorized", &format!("<AuthorizerAppid>{MERCHANT}</AuthorizerAppid>"))
}

/// The answer to `api_query_auth` of an account that has no API permission: a code, and nothing else.
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

/// The answer to `api_get_authorizer_info` of an account about which it tells nothing.
pub(super) fn silent_info() -> AccountInfo {
    AccountInfo { profile: None, permissions: None, refresh_token: None, token_is_ours: false }
}

/// The same with a refresh token that we do not hold.
pub(super) fn info_with_token(token: &str) -> AccountInfo {
    AccountInfo { refresh_token: Some((Secret::new(token), RecoverySource::Info)), ..silent_info() }
}

/// The same with the refresh token that we hold.
pub(super) fn info_with_our_token(token: &str) -> AccountInfo {
    AccountInfo { token_is_ours: true, ..info_with_token(token) }
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
