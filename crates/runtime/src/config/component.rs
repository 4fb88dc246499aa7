//! `[[component]]`: the third-party platforms that are served.

use mandate_schema::{ComponentId, Secret};

use super::{
    paths::{self, APPID, CallbackPath},
    secret::visible,
    section::Section,
};

/// A third-party platform as it is registered with `WeChat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its appid.
    pub app_id: ComponentId,
    /// Its secret; ingress does without.
    pub app_secret: Option<Secret>,
    /// The token of message verification: 3 to 32 letters and digits, never empty.
    pub token: Secret,
    /// The `EncodingAESKey`: 43 characters of base64.
    pub encoding_aes_key: Secret,
    /// Pairs that were in force before and are still accepted.
    pub previous: Vec<PreviousPair>,
    /// Path (and query) of the URL for authorization events.
    pub event_path: String,
    /// Path (and query) of the URL for messages, with `$APPID$` once in it.
    pub message_path: String,
}

/// A former pair of token and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousPair {
    /// The token, as [`Component::token`].
    pub token: Secret,
    /// The key, as [`Component::encoding_aes_key`].
    pub encoding_aes_key: Secret,
}

/// Reads all components; those with a problem are left out.
pub(super) fn read_all(root: &mut Section<'_>) -> Vec<Component> {
    let read = root.sections("component").into_iter().enumerate();
    let components: Vec<(usize, Component)> =
        read.filter_map(|(at, section)| Component::read(section).map(|component| (at, component))).collect();
    for (nth, (at, component)) in components.iter().enumerate() {
        if let Some((first, _)) = components[..nth].iter().find(|(_, other)| other.app_id == component.app_id)
        {
            let key = format!("component.{at}.app_id");
            let source = root.report.origin_of(&key);
            root.report.problem(key, &source, format!("is the same as component.{first}.app_id"));
        }
    }
    let mut paths = Vec::new();
    for (at, component) in &components {
        paths.push((format!("component.{at}.event_path"), component.event_path.as_str()));
        paths.push((format!("component.{at}.message_path"), component.message_path.as_str()));
    }
    paths::check_all(&paths, root.report);
    components.into_iter().map(|(_, component)| component).collect()
}

impl Component {
    fn read(mut section: Section<'_>) -> Option<Self> {
        let app_id: Option<ComponentId> = section.required("app_id");
        let app_secret = section.secret("app_secret", visible);
        let pair = PreviousPair::take(&mut section);
        let previous = section.sections("previous").into_iter().filter_map(PreviousPair::read).collect();
        // Without an appid there is no default path, but a path that was given is checked all the same.
        let name = app_id.as_ref().map_or("", ComponentId::as_str);
        let event_path = section.get("event_path", CallbackPath::fixed(format!("/wechat/{name}/events")));
        let message_path =
            section.get("message_path", CallbackPath::templated(format!("/wechat/{name}/messages/{APPID}")));
        section.finish();
        let (app_id, PreviousPair { token, encoding_aes_key }) = (app_id?, pair?);
        let (event_path, message_path) = (event_path.into_text(), message_path.into_text());
        Some(Self { app_id, app_secret, token, encoding_aes_key, previous, event_path, message_path })
    }
}

impl PreviousPair {
    fn read(mut section: Section<'_>) -> Option<Self> {
        let pair = Self::take(&mut section);
        section.finish();
        pair
    }

    fn take(section: &mut Section<'_>) -> Option<Self> {
        let token = section.required_secret("token", check_token);
        let encoding_aes_key = section.required_secret("encoding_aes_key", check_key);
        Some(Self { token: token?, encoding_aes_key: encoding_aes_key? })
    }
}

/// `WeChat`'s own rule. That it is not empty matters most: with an empty token anybody can sign a push.
fn check_token(text: &str) -> Result<(), String> {
    if (3..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err("must be 3 to 32 letters and digits, as in WeChat's console".to_owned())
    }
}

/// Only the shape: the last character may be one that strict base64 refuses.
fn check_key(text: &str) -> Result<(), String> {
    if text.len() != 43 {
        return Err(format!(
            "must have 43 characters, as in WeChat's console, without a `=`; it has {}",
            text.chars().count()
        ));
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/') {
        return Err("must be letters and digits only (+ and / are accepted)".to_owned());
    }
    Ok(())
}
