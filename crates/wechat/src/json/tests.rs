use super::*;
use crate::{
    tree::{MAX_DEPTH, MAX_ELEMENTS, MAX_NAME_BYTES},
    xml,
};

#[track_caller]
fn assert_like(json: &str, xml: &str) {
    let (json, xml) =
        (read(json).map(|(root, _)| root.document()), xml::parse(xml).map(|root| root.document()));
    assert_eq!(json, xml);
}

#[track_caller]
fn assert_refused(json: &str, expected: TreeError) {
    assert_eq!(read(json).err(), Some(expected), "{json:.60}");
}

#[test]
fn a_json_push_is_the_same_document_as_its_xml() {
    assert_like(
        r#" {"ToUserName":"gh_1","CreateTime":1767225600,"MsgType":"event","Event":"x","ok":true,"none":null} "#,
        "<xml><ToUserName>gh_1</ToUserName><CreateTime>1767225600</CreateTime><MsgType>event</MsgType>\
         <Event>x</Event><ok>true</ok><none/></xml>",
    );
    assert_like(
        r#"{"list":[{"appid":"a","code":-1},{"appid":"b"}],"info":{"name":"你好\n\"😀\""},"empty":[]}"#,
        "<xml><list><appid>a</appid><code>-1</code></list><list><appid>b</appid></list>\
         <info><name>你好\n\"😀\"</name></info><empty/></xml>",
    );
    assert_like(r#"{"a":[[1,2],[3]],"b":1.5}"#, "<xml><a>1</a><a>2</a><a>3</a><b>1.5</b></xml>");
}

#[test]
fn a_name_that_repeats_keeps_every_member() {
    assert_like(r#"{"a":"1","b":"2","a":"3"}"#, "<xml><a>1</a><b>2</b><a>3</a></xml>");
}

#[test]
fn a_number_keeps_its_digits() {
    let (root, _) =
        read(r#"{"MsgId":24312345678901234,"max":18446744073709551615,"min":-9223372036854775808}"#).unwrap();
    let value = |name| root.child_value(name).unwrap();
    assert_eq!(value("MsgId"), "24312345678901234");
    assert_eq!((value("max"), value("min")), ("18446744073709551615", "-9223372036854775808"));
}

#[test]
fn only_one_whole_object_is_a_push() {
    for json in ["[]", "[{}]", "1", "\"a\"", "null"] {
        assert_refused(json, TreeError::NotWellFormed);
    }
    for json in
        ["{} {}", "{}x", "{'a':1}", "{a:1}", r#"{"a":1,}"#, r#"{"a":"\x"}"#, r#"{"a" 1}"#, "{\"a\":NaN}"]
    {
        assert_refused(json, TreeError::NotWellFormed);
    }
    for json in ["{", r#"{"a"#, r#"{"a":"#, r#"{"a":"b"#, r#"{"a":[1"#, r#"{"a":{}"#] {
        assert_refused(json, TreeError::Truncated);
    }
}

#[test]
fn the_limits_are_those_of_xml() {
    let nested = |depth: usize| r#"{"a":"#.repeat(depth - 1) + "{}" + &"}".repeat(depth - 1);
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    assert_refused(&nested(MAX_DEPTH + 1), TreeError::TooDeep);
    let lists = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(read(&lists(MAX_DEPTH)).is_ok());
    assert_refused(&lists(MAX_DEPTH + 1), TreeError::TooDeep);
    assert_refused(&lists(100_000), TreeError::TooDeep);
    let wide = |count: usize| format!(r#"{{"a":[{}]}}"#, vec!["0"; count - 1].join(","));
    assert!(read(&wide(MAX_ELEMENTS)).is_ok());
    assert_refused(&wide(MAX_ELEMENTS + 1), TreeError::TooManyElements);
    let named = |length: usize| format!(r#"{{"{}":1}}"#, "n".repeat(length));
    assert!(read(&named(MAX_NAME_BYTES)).is_ok());
    assert_refused(&named(MAX_NAME_BYTES + 1), TreeError::NameTooLong);
    let name = "n".repeat(MAX_NAME_BYTES);
    let long = format!(r#"{{"{name}":{{"{name}":[{}]}}}}"#, vec!["0"; 900].join(","));
    assert_refused(&long, TreeError::PathsTooLong);
}

#[test]
fn empty_entries_of_a_list_count_as_elements() {
    let lists = |entry: &str, count: usize| format!(r#"{{"a":[{}]}}"#, vec![entry; count].join(","));
    for entry in ["[]", "[[]]", "[[[]]]", "{}", "null", "\"\""] {
        assert!(read(&lists(entry, MAX_ELEMENTS - 1)).is_ok(), "{entry}");
        assert_refused(&lists(entry, MAX_ELEMENTS), TreeError::TooManyElements);
        assert_refused(&lists(entry, 1001), TreeError::TooManyElements);
        assert_refused(&format!(r#"{{"b":{}}}"#, lists(entry, MAX_ELEMENTS)), TreeError::TooManyElements);
    }
    let nested = format!(r#"{{"a":[{0},{0}]}}"#, format!("[{}]", vec!["[]"; 501].join(",")));
    assert_refused(&nested, TreeError::TooManyElements);
    assert_refused(&format!("{{{}}}", vec![r#""a":[]"#; 1001].join(",")), TreeError::TooManyElements);
}

#[test]
fn the_paths_of_empty_lists_count_and_so_do_their_names_and_depths() {
    let name = "n".repeat(MAX_NAME_BYTES);
    let long = format!(r#"{{"{name}":{{"{name}":[{}]}}}}"#, vec!["[]"; 900].join(","));
    assert_refused(&long, TreeError::PathsTooLong);
    assert_refused(&format!(r#"{{"{name}n":[]}}"#), TreeError::NameTooLong);
    let depth = |depth: usize| r#"{"a":"#.repeat(depth - 1) + "[]" + &"}".repeat(depth - 1);
    assert!(read(&depth(MAX_DEPTH)).is_ok());
    assert_refused(&depth(MAX_DEPTH + 1), TreeError::TooDeep);
}

#[test]
fn a_reply_is_written_as_what_it_says() {
    let root = xml::parse(
        "<xml><ToUserName>o\"1\\</ToUserName><CreateTime>17</CreateTime><ArticleCount>2</ArticleCount>\
         <Content>17</Content><Articles><item><Title>a</Title></item><item><Title>b</Title></item></Articles></xml>",
    );
    let written: serde_json::Value = serde_json::from_str(&from_tree(&root.unwrap())).unwrap();
    let expected = serde_json::json!({
        "ToUserName": "o\"1\\", "CreateTime": 17, "ArticleCount": 2, "Content": "17",
        "Articles": {"item": [{"Title": "a"}, {"Title": "b"}]},
    });
    assert_eq!(written, expected);
}
