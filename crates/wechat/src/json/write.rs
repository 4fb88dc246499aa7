//! Writing JSON: what a passive reply in this form consists of.

use serde_json::{Map, Number, Value};

use crate::tree::Element;

/// Elements of replies that are numbers.
const NUMBERS: [&str; 2] = ["CreateTime", "ArticleCount"];

/// The JSON form of a passive reply: an object of its elements, a list where a name repeats.
pub(crate) fn from_tree(root: &Element) -> String {
    object(root).to_string()
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn object(element: &Element) -> Value {
    let mut members = Map::new();
    for child in &element.children {
        let value = value(child);
        match members.get_mut(&child.name) {
            None => {
                members.insert(child.name.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(members)
}

fn value(element: &Element) -> Value {
    if !element.children.is_empty() {
        return object(element);
    }
    let number = NUMBERS.contains(&element.name.as_str()).then(|| element.value()?.parse::<u64>().ok());
    match number.flatten() {
        Some(number) => Value::Number(Number::from(number)),
        None => Value::from(element.text.as_str()),
    }
}
