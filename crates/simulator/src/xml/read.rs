//! Reading the texts of a passive reply and its envelope: flat elements that this side defines itself, in XML or JSON.

/// The text of the only element of this name, CDATA or plain; `None` if there is none, or more than one.
///
/// Enough for an envelope of flat elements with base64, hex and digits in them; not a parser for other people's XML.
pub(crate) fn child_text(document: &str, name: &str) -> Option<String> {
    if document.starts_with('{') {
        return member_text(document, name);
    }
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (_, rest) = document.split_once(&open)?;
    let (inside, after) = rest.split_once(&close)?;
    if after.contains(&open) || document.contains("<!DOCTYPE") {
        return None;
    }
    let inside = inside.trim();
    let text = inside.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>")).unwrap_or(inside);
    Some(text.to_owned())
}

/// The same of a JSON object: a text, or the digits of a number.
fn member_text(document: &str, name: &str) -> Option<String> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(document).ok()?;
    match members.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cdata_and_plain_text_read_alike() {
        let reply = "<xml>\n<Encrypt><![CDATA[abc=]]></Encrypt>\n<TimeStamp>17</TimeStamp>\n</xml>";
        assert_eq!(child_text(reply, "Encrypt").as_deref(), Some("abc="));
        assert_eq!(child_text(reply, "TimeStamp").as_deref(), Some("17"));
        assert_eq!(child_text(reply, "Nonce"), None);
    }

    #[test]
    fn a_json_reply_reads_like_xml() {
        let reply = r#"{"Encrypt":"abc=","TimeStamp":17,"None":null}"#;
        assert_eq!(child_text(reply, "Encrypt").as_deref(), Some("abc="));
        assert_eq!(child_text(reply, "TimeStamp").as_deref(), Some("17"));
        assert_eq!((child_text(reply, "None"), child_text("{", "Encrypt")), (None, None));
    }

    #[test]
    fn a_repeated_element_is_no_answer() {
        assert_eq!(child_text("<xml><A>1</A><A>2</A></xml>", "A"), None);
    }
}
