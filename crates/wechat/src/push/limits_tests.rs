//! What the largest documents cost, whatever is in them.

use mandate_schema::Document;

use super::{
    BadContent, Content,
    tests::{MERCHANT, push},
};
use crate::{
    form::Form,
    tree::{MAX_DEPTH, MAX_ELEMENTS, MAX_NAME_BYTES, MAX_PATH_BYTES, TreeError},
};

/// What a body of 256 KiB can hold encrypted.
const LARGEST: usize = 190 << 10;

/// Pads a text with a comment, or with white space, to the largest size.
fn padded(form: Form, text: &str) -> String {
    let missing = LARGEST.saturating_sub(text.len() + 7);
    match form {
        Form::Xml => format!("{text}<!--{}-->", "p".repeat(missing)),
        Form::Json => format!("{text}{}", " ".repeat(missing)),
    }
}

/// Nested elements of these names around a number of others.
fn nested(form: Form, names: &[String], inside: &str, count: usize) -> String {
    let text = match form {
        Form::Xml => {
            let elements = format!("<{inside}/>").repeat(count);
            let around = |text, name: &String| format!("<{name}>{text}</{name}>");
            format!("<xml>{}</xml>", names.iter().rev().fold(elements, around))
        }
        Form::Json => {
            let member = format!(r#"{{"{inside}":[{}]}}"#, vec!["0"; count].join(","));
            names.iter().rev().fold(member, |text, name| format!(r#"{{"{name}":{text}}}"#))
        }
    };
    padded(form, &text)
}

fn names(count: usize, bytes: usize) -> Vec<String> {
    vec!["n".repeat(bytes); count]
}

fn document(text: &str, authorizer: Option<&str>) -> Result<Document, BadContent> {
    push(text, authorizer).content.map(|content| match content {
        Content::Callback(callback) => callback.document,
        Content::Message(message) => message.document,
    })
}

/// Bytes of all paths and of all texts in a document.
fn held(document: &Document) -> (usize, usize) {
    let texts = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
    document.iter().fold((0, 0), |(paths, all), (path, found)| (paths + path.len(), all + texts(found)))
}

#[track_caller]
fn assert_refused(form: Form, text: &str, expected: TreeError) {
    for authorizer in [None, Some(MERCHANT)] {
        match document(text, authorizer) {
            Err(BadContent::Malformed(unreadable)) => {
                assert_eq!((unreadable.form, unreadable.error), (form, expected));
            }
            other => panic!("{form} {authorizer:?}: {other:?}"),
        }
    }
}

#[test]
fn what_exceeds_a_limit_is_told_apart_in_both_forms_and_on_both_urls() {
    for form in [Form::Xml, Form::Json] {
        for bytes in [MAX_NAME_BYTES + 1, 1_000, LARGEST / 3] {
            assert_refused(form, &nested(form, &names(1, bytes), "a", 1), TreeError::NameTooLong);
            assert_refused(form, &nested(form, &[], &"n".repeat(bytes), 1), TreeError::NameTooLong);
        }
        for count in [MAX_ELEMENTS, 5_000, 40_000] {
            assert_refused(form, &nested(form, &[], "a", count), TreeError::TooManyElements);
        }
        for (depth, bytes, count) in [(14, MAX_NAME_BYTES, 900), (1, MAX_NAME_BYTES, 950), (13, 20, 900)] {
            let text = nested(form, &names(depth, bytes), "a", count);
            assert_refused(form, &text, TreeError::PathsTooLong);
        }
        let deep = nested(form, &names(MAX_DEPTH + 1, 1), "a", 1);
        assert_refused(form, &deep, TreeError::TooDeep);
    }
}

#[test]
fn a_name_of_256_bytes_is_read() {
    for form in [Form::Xml, Form::Json] {
        let document = document(&nested(form, &names(1, 256), "a", 1), Some(MERCHANT)).expect("readable");
        assert_eq!(held(&document).0, 256 + ".a".len());
    }
}

#[test]
fn the_largest_document_that_is_read_holds_a_few_times_its_size() {
    let mut largest = Vec::new();
    for form in [Form::Xml, Form::Json] {
        let count = MAX_ELEMENTS - MAX_DEPTH;
        for (depth, bytes) in [(MAX_DEPTH - 2, 8), (1, 120), (MAX_DEPTH - 2, 1)] {
            largest.push(nested(form, &names(depth, bytes), "a", count));
        }
    }
    // What is no character becomes one of three bytes; marks and line breaks become two in JSON.
    for filler in ["\0", "\n", "\"", "\\\\", "\u{7f}", "&#0;", "\\u0000"] {
        let text = filler.repeat(LARGEST / filler.len());
        largest.push(format!("<xml><a>{text}</a></xml>"));
        largest.push(format!("<xml><a><![CDATA[{text}]]></a></xml>"));
    }
    largest.push(format!(r#"{{"a":"{}"}}"#, "\n".repeat(LARGEST)));
    largest.push(format!(r#"{{"a":"{}"}}"#, "\\u0000".repeat(LARGEST / 6)));
    for text in largest {
        let document = document(&text, Some(MERCHANT)).expect("readable");
        let (paths, texts) = held(&document);
        assert!(paths <= MAX_PATH_BYTES && texts <= 3 * text.len(), "{paths} {texts} of {}", text.len());
        let stored = serde_json::to_vec(&document).expect("plain").len();
        assert!(stored <= 4 * text.len() + MAX_PATH_BYTES, "{stored} bytes of {}", text.len());
    }
}
