//! Pushes as `WeChat` sends them: encrypted and signed.

use jiff::Timestamp;
use mandate_schema::{CallbackId, ComponentId, Push, Secret};
use mandate_wechat::{
    envelope::{EncodingAesKey, KeyRing, Pair, cipher},
    signature,
};
use serde_json::Value;
use uuid::Uuid;

pub(crate) const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
pub(crate) const MERCHANT: &str = "wxa0b1c2d3e4f50617";
pub(crate) const TOKEN: &str = "RustComponentToken01";
pub(crate) const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
/// `CreateTime` of every push of the vectors.
pub(crate) const START: i64 = 1_767_225_600;

pub(crate) fn component() -> ComponentId {
    ComponentId::parse(COMPONENT).expect("valid")
}

/// The ring of the component with this token; pushes are signed with [`TOKEN`].
pub(crate) fn ring(token: &str) -> KeyRing {
    KeyRing::new(component(), vec![pair(token)]).expect("one pair")
}

fn pair(token: &str) -> Pair {
    Pair::new(Secret::new(token), key()).expect("a token")
}

fn key() -> EncodingAesKey {
    EncodingAesKey::parse(&Secret::new(KEY)).expect("valid")
}

/// The vector with this name from the shared collection.
pub(crate) fn vector(id: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/vectors/events.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).expect("the vectors")).expect("JSON");
    let found = file["vectors"].as_array().expect("a list").iter().find(|vector| vector["id"] == id);
    found.unwrap_or_else(|| panic!("there is no vector {id}")).clone()
}

/// The push of a vector, byte for byte.
pub(crate) fn sample(id: &str) -> Push {
    let vector = vector(id);
    let text = |field: &str| vector[field].as_str().expect("text").to_owned();
    let (timestamp, nonce, msg_signature) = (text("timestamp"), text("nonce"), text("msg_signature"));
    push(query(&timestamp, &nonce, &msg_signature), text("envelope"))
}

/// A push with this plaintext.
pub(crate) fn sealed(plaintext: &str) -> Push {
    let encrypt = cipher::encrypt(&key(), COMPONENT, [7; 16], plaintext);
    let (timestamp, nonce) = (START.to_string(), "1357924680");
    let msg_signature = signature::sign(&[TOKEN, &timestamp, nonce, &encrypt]);
    push(
        query(&timestamp, nonce, &msg_signature),
        format!("<xml><AppId>{COMPONENT}</AppId><Encrypt>{encrypt}</Encrypt></xml>"),
    )
}

/// A grant `seconds` after [`START`] with a code of its own.
pub(crate) fn granted(authorizer: &str, seconds: i64) -> Push {
    sealed(&fact(
        "authorized",
        authorizer,
        seconds,
        &format!("<AuthorizationCode>queryauthcode@@@{authorizer}-{seconds}</AuthorizationCode>"),
    ))
}

/// A revocation `seconds` after [`START`].
pub(crate) fn revoked(authorizer: &str, seconds: i64) -> Push {
    sealed(&fact("unauthorized", authorizer, seconds, ""))
}

fn fact(info_type: &str, authorizer: &str, seconds: i64, more: &str) -> String {
    let create_time = START + seconds;
    format!(
        "<xml><AppId>{COMPONENT}</AppId><CreateTime>{create_time}</CreateTime><InfoType>{info_type}</InfoType>\
         <AuthorizerAppid>{authorizer}</AuthorizerAppid>{more}</xml>"
    )
}

/// A text that a user writes to an account.
pub(crate) fn message(authorizer: &str, content: &str) -> Push {
    let text = format!(
        "<xml><ToUserName>gh_0a1b2c3d4e5f</ToUserName><FromUserName>oXyz</FromUserName><CreateTime>{START}</CreateTime>\
         <MsgType>text</MsgType><Content>{content}</Content></xml>"
    );
    Push { authorizer: Some(authorizer.parse().expect("an id")), ..sealed(&text) }
}

/// A push that will never open.
pub(crate) fn broken() -> Push {
    push(query("1", "2", "3"), "not a push of WeChat".to_owned())
}

fn query(timestamp: &str, nonce: &str, msg_signature: &str) -> String {
    format!("timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={msg_signature}")
}

fn push(query: String, body: String) -> Push {
    Push {
        id: CallbackId(Uuid::now_v7()),
        component: component(),
        authorizer: None,
        pair: pair(TOKEN).id(),
        query,
        body,
        received_at: Timestamp::now(),
        unverified: false,
    }
}
