//! One push of each kind, from the encrypted body to typed fields.

use std::collections::BTreeMap;

use mandate_schema::{CreateTime, Document};
use mandate_wechat::{callback::parse_callback, message};

use crate::{
    expected,
    support::{Vector, run},
};

#[test]
fn every_kind_of_push_is_read_whole_and_typed() {
    run("events.json", |vector| {
        let opened = vector.open().unwrap();
        let plaintext = str::from_utf8(opened.plaintext.bytes()).unwrap();
        assert_eq!(plaintext, vector.plaintext(), "{}", vector.id);
        match vector.url.as_deref() {
            Some("authorization") => check_callback(vector, plaintext),
            Some("message") => check_message(vector, plaintext),
            other => panic!("{}: no check for {other:?}", vector.id),
        }
    });
}

fn check_callback(vector: &Vector, plaintext: &str) {
    let callback = parse_callback(plaintext, CreateTime(1)).unwrap();
    assert_eq!(callback.app_id.as_deref(), Some(vector.appid.as_str()));
    assert_eq!(callback.create_time, Some(create_time(vector)));
    assert_eq!(callback.info_type(), vector.fields["InfoType"]);
    assert_eq!(callback.info, expected::info(&vector.id), "{}", vector.id);
    assert_eq!(texts(&callback.document), vector.fields, "{}", vector.id);
}

fn check_message(vector: &Vector, plaintext: &str) {
    let message = message::parse_message(plaintext).unwrap();
    let field = |name| vector.fields.get(name).map(String::as_str);
    assert_eq!(message.create_time, Some(create_time(vector)));
    assert_eq!(message.to_user.as_deref(), field("ToUserName"));
    assert_eq!(message.from_user.as_deref(), field("FromUserName"));
    assert_eq!(message.msg_type.as_deref(), field("MsgType"));
    assert_eq!(message.event.as_deref(), field("Event"));
    assert_eq!(message.msg_id.as_deref(), field("MsgId"));
    assert_eq!(texts(&message.document), vector.fields, "{}", vector.id);
}

fn create_time(vector: &Vector) -> CreateTime {
    CreateTime(vector.fields["CreateTime"].parse().unwrap())
}

fn texts(document: &Document) -> BTreeMap<String, String> {
    let single = |texts: &[String]| match texts {
        [text] => text.clone(),
        _ => panic!("a path repeats"),
    };
    document.iter().map(|(path, texts)| (path.to_owned(), single(texts))).collect()
}
