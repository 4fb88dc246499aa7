//! Builds the tree while serde reads, so that the limits hold before anything large is built.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::{
    text::{REPLACED_CHARACTERS, allowed_or_replaced},
    tree::{Budget, Element, MAX_DEPTH, Place, TreeError},
};

/// The name that the root of an XML push has.
const ROOT: &str = "xml";

/// The root of a JSON text, and how many characters were replaced.
pub(super) fn read(text: &str) -> Result<(Element, usize), TreeError> {
    let mut state = State::default();
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let root =
        Member { name: ROOT, parent: Place::default(), lists: 0, found: &mut found, state: &mut state };
    let ended = root.deserialize(&mut reader).and_then(|()| reader.end());
    if let Err(error) = ended {
        return Err(state.exceeded.unwrap_or(syntax(&error)));
    }
    // Only an object is a push.
    match (text.starts_with('{'), found.pop()) {
        (true, Some(root)) => Ok((root, state.replaced)),
        (true | false, _) => Err(TreeError::NotWellFormed),
    }
}

fn syntax(error: &serde_json::Error) -> TreeError {
    if error.is_eof() { TreeError::Truncated } else { TreeError::NotWellFormed }
}

/// What a member is called: the name of our own note in the document is not one that a sender can give.
fn member_name(name: String) -> String {
    match name.strip_prefix('#') {
        Some(rest) if name == REPLACED_CHARACTERS => rest.to_owned(),
        Some(_) | None => name,
    }
}

/// What holds for the whole text.
#[derive(Default)]
struct State {
    budget: Budget,
    replaced: usize,
    /// The limit that ended the reading.
    exceeded: Option<TreeError>,
}

impl State {
    fn keep<T, E: Error>(&mut self, result: Result<T, TreeError>) -> Result<T, E> {
        result.map_err(|error| {
            self.exceeded = Some(error);
            E::custom(error)
        })
    }

    fn clean(&mut self, text: &str) -> String {
        text.chars().map(|c| allowed_or_replaced(c, &mut self.replaced)).collect()
    }
}

/// A value on its way to one element, or to several if it is a list.
struct Member<'a> {
    name: &'a str,
    parent: Place,
    /// Lists in lists around it.
    lists: usize,
    found: &'a mut Vec<Element>,
    state: &'a mut State,
}

impl Member<'_> {
    fn is<E: Error>(self, text: String) -> Result<(), E> {
        let admitted = self.state.budget.admit(self.parent, self.name);
        self.state.keep(admitted)?;
        self.found.push(Element { name: self.name.to_owned(), text, children: Vec::new() });
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let text = self.state.clean(text);
        self.is(text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.is(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.is(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.is(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.is(value.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.is(String::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { name, parent, lists: _, found, state } = self;
        let admitted = state.budget.admit(parent, name);
        let place = state.keep(admitted)?;
        let mut children = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            let name = member_name(state.clean(&key));
            let member = Member { name: &name, parent: place, lists: 0, found: &mut children, state };
            members.next_value_seed(member)?;
        }
        found.push(Element { name: name.to_owned(), text: String::new(), children });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { name, parent, lists, found, state } = self;
        if lists == MAX_DEPTH {
            return state.keep(Err(TreeError::TooDeep));
        }
        let (before, lists) = (found.len(), lists + 1);
        while entries.next_element_seed(Member { name, parent, lists, found, state })?.is_some() {}
        if found.len() == before {
            return Member { name, parent, lists, found, state }.is(String::new());
        }
        Ok(())
    }
}
