//! The `fields` of a push order: JSON to elements.

use serde_json::{Map, Value};

use super::{Element, write::Content};

/// How deep fields may nest.
const DEPTH_MAX: usize = 16;

/// Fields that no XML document can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {path:?}: {reason}")]
pub(crate) struct Invalid {
    pub(crate) path: String,
    pub(crate) reason: &'static str,
}

/// Elements for JSON fields. `outer.inner` and nested objects nest, lists repeat the element, numbers stay bare.
pub(crate) fn elements(fields: &Map<String, Value>) -> Result<Vec<Element>, Invalid> {
    children(fields, 0)
}

fn children(fields: &Map<String, Value>, depth: usize) -> Result<Vec<Element>, Invalid> {
    let mut elements = Vec::new();
    for (path, value) in fields {
        let names: Vec<&str> = path.split('.').collect();
        let invalid = |reason| Invalid { path: path.clone(), reason };
        if depth + names.len() > DEPTH_MAX {
            return Err(invalid("nested too deep"));
        }
        if !names.iter().all(|name| is_name(name)) {
            return Err(invalid("not an element name"));
        }
        let (last, outer) = names.split_last().expect("split yields at least one part");
        let place = descend(&mut elements, outer);
        let values =
            if let Value::Array(values) = value { values.as_slice() } else { std::slice::from_ref(value) };
        for value in values {
            let content = content(value, depth + names.len()).map_err(|error| match error {
                Refused::Here(reason) => invalid(reason),
                Refused::Below(below) => below,
            })?;
            place.push(Element { name: (*last).to_owned(), content });
        }
    }
    Ok(elements)
}

/// The children of the element at a path, made where missing.
fn descend<'a>(elements: &'a mut Vec<Element>, path: &[&str]) -> &'a mut Vec<Element> {
    let Some((name, rest)) = path.split_first() else { return elements };
    let is_it = |element: &Element| element.name == *name && matches!(element.content, Content::Children(_));
    let index = elements.iter().position(is_it).unwrap_or_else(|| {
        elements.push(Element { name: (*name).to_owned(), content: Content::Children(Vec::new()) });
        elements.len() - 1
    });
    match &mut elements[index].content {
        Content::Children(children) => descend(children, rest),
        Content::Text(_) | Content::Number(_) => unreachable!("just chosen for its children"),
    }
}

enum Refused {
    Here(&'static str),
    Below(Invalid),
}

fn content(value: &Value, depth: usize) -> Result<Content, Refused> {
    match value {
        Value::String(text) if text.chars().all(is_xml_char) => Ok(Content::Text(text.clone())),
        Value::String(_) => Err(Refused::Here("has characters that XML forbids")),
        Value::Number(number) => number
            .as_i64()
            .map(Content::Number)
            .ok_or(Refused::Here("only whole numbers; write others as text")),
        Value::Object(inner) => children(inner, depth).map(Content::Children).map_err(Refused::Below),
        Value::Array(_) => Err(Refused::Here("a list inside a list has no XML form")),
        Value::Null | Value::Bool(_) => Err(Refused::Here("write it as text or as a number")),
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        switches::{XmlStyle, XmlText},
        xml::document,
    };

    #[track_caller]
    fn written(fields: &Value) -> Result<String, Invalid> {
        let fields = fields.as_object().expect("an object");
        Ok(document(&elements(fields)?, XmlStyle::OneLine, XmlText::Plain))
    }

    #[test]
    fn dotted_paths_share_their_outer_element() {
        assert_eq!(
            written(&json!({"info.code": "9", "info.name": "x", "status": 0})),
            Ok("<xml><info><code>9</code><name>x</name></info><status>0</status></xml>".into())
        );
    }

    #[test]
    fn lists_repeat_the_element() {
        assert_eq!(
            written(&json!({"list": [{"appid": "a"}, {"appid": "b"}], "x.y": ["1", "2"]})),
            Ok("<xml><list><appid>a</appid></list><list><appid>b</appid></list><x><y>1</y><y>2</y></x></xml>".into())
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_refused() {
        for bad in [
            json!({"a b": ""}),
            json!({"": ""}),
            json!({"a": "\u{0}"}),
            json!({"a": [["b"]]}),
            json!({"a": true}),
        ] {
            assert!(written(&bad).is_err(), "{bad} was accepted");
        }
        let deep = json!({ ("a.".repeat(20) + "a"): "x" });
        assert!(written(&deep).is_err());
    }
}
