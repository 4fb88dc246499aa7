//! Cursors: where a list goes on. Opaque to callers, so that what is inside may change; here they are only parsed, and what
//! they say is no more than what a caller may ask for anyway.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Version of what is inside.
const FORM: u8 = 1;
/// The longest one that is looked at, in characters. Ours are shorter than 400.
const LENGTH_MAX: usize = 1_024;

/// A cursor that this list did not give, or that an older release gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that this list gave")]
pub struct InvalidCursor;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<L, T> {
    v: u8,
    list: L,
    after: T,
}

/// The cursor of what stands behind `after` in a list.
pub(crate) fn encode<T: Serialize>(list: &str, after: &T) -> String {
    BASE64.encode(serde_json::to_vec(&Form { v: FORM, list, after }).expect("ids and numbers are plain data"))
}

/// Reads a cursor of this list.
///
/// # Errors
///
/// [`InvalidCursor`].
pub(crate) fn decode<T: DeserializeOwned>(list: &str, text: &str) -> Result<T, InvalidCursor> {
    if text.len() > LENGTH_MAX {
        return Err(InvalidCursor);
    }
    let bytes = BASE64.decode(text).map_err(|_| InvalidCursor)?;
    let form: Form<String, T> = serde_json::from_slice(&bytes).map_err(|_| InvalidCursor)?;
    if form.v == FORM && form.list == list { Ok(form.after) } else { Err(InvalidCursor) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_its_list_only() {
        let cursor = encode("a", &7_u64);
        assert_eq!(decode::<u64>("a", &cursor), Ok(7));
        assert_eq!(decode::<u64>("b", &cursor), Err(InvalidCursor));
        assert_eq!(decode::<Vec<u64>>("a", &cursor), Err(InvalidCursor));
    }

    #[test]
    fn what_we_did_not_write_is_refused() {
        let of = |json: &str| BASE64.encode(json);
        for bad in [
            String::new(),
            "7".to_owned(),
            "====".to_owned(),
            of("7"),
            of(r#"{"v":2,"list":"a","after":7}"#),
            of(r#"{"v":1,"list":"a"}"#),
            of(r#"{"v":1,"list":"a","after":7,"more":1}"#),
            of(&format!(r#"{{"v":1,"list":"a","after":{}7}}"#, " ".repeat(LENGTH_MAX))),
        ] {
            assert_eq!(decode::<u64>("a", &bad), Err(InvalidCursor), "{bad}");
        }
    }
}
