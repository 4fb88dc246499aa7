//! Secrets of events: sealed for their place as the worker does, opened where a state remembers them.

use std::borrow::Borrow;

use mandate_schema::{
    DataKey, Event, Field, Place, SealedAt, SealedFields, SealedText, Secret, StreamName, Version,
};

use super::effects::recorded_at;
use crate::{NewEvent, Recorded};

/// An event as a fold sees it.
pub(super) fn recorded<'a>(event: &'a Event, version: Version, sealed: &'a SealedFields) -> Recorded<'a> {
    Recorded { event, version, form: FORM, recorded_at: recorded_at(version.0), sealed }
}

pub(super) const FORM: u16 = 1;

fn key() -> DataKey {
    DataKey::new(1, &[7; 32])
}

/// Seals an event's secrets for their place in a stream.
pub(super) fn seal(stream: &StreamName, version: Version, new: &NewEvent) -> SealedFields {
    let place = |field: Field| Place {
        stream,
        version: version.0,
        kind: new.event.name(),
        field: field.as_str(),
        form: FORM,
    };
    let seal = |(field, text): &(Field, Secret)| -> (Field, SealedText) {
        (*field, key().seal(place(*field), text, [0; 12]))
    };
    new.secrets.iter().map(seal).collect()
}

/// Opens a sealed field that a state keeps. Fails unless the state remembers the right place.
#[track_caller]
pub(super) fn open(stream: &StreamName, sealed: impl Borrow<SealedAt>) -> String {
    let sealed = sealed.borrow();
    key().open(sealed.place(stream), &sealed.text).expect("sealed for this place").expose().to_owned()
}
