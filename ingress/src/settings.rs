//! What the door needs to know.

use std::{net::SocketAddr, path::PathBuf};

use mandate_runtime::{
    config::{Component, Config, ReplyRule},
    web::TrustedProxies,
};
use mandate_schema::{ComponentId, Secret};
use mandate_wechat::envelope::{EncodingAesKey, EnvelopeError, KeyRing, KeyRingError, Pair};

use crate::{
    journal::Limits,
    routes::{ComponentPaths, InvalidPath, Routes},
};

/// Settings of ingress.
#[derive(Debug)]
pub struct Settings {
    /// Where `WeChat`'s callbacks arrive; port 0 for any free one.
    pub listen: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are; port 0 for any free one.
    pub admin_listen: SocketAddr,
    /// The journal's file.
    pub journal: PathBuf,
    /// The journal's limits.
    pub journal_limits: Limits,
    /// The largest body of a request, in bytes.
    pub body_max: usize,
    /// The callback URLs.
    pub routes: Routes,
    /// The keys of each component that `routes` can name.
    pub rings: Vec<KeyRing>,
    /// Passive replies, in order.
    pub replies: Vec<ReplyRule>,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
}

/// Settings that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is no component, so nobody would be answered.
    #[error("no [[component]] is configured")]
    NoComponent,
    /// A callback path.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// A key of a component.
    #[error("component {component}: {source}")]
    Key {
        /// The component.
        component: ComponentId,
        /// What is wrong with its key.
        source: EnvelopeError,
    },
    /// A token of a component.
    #[error("component {component}: {source}")]
    Token {
        /// The component.
        component: ComponentId,
        /// What is wrong with its tokens.
        source: KeyRingError,
    },
}

impl Settings {
    /// Takes what ingress needs from the whole configuration.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]; no text of it holds a secret.
    pub fn from_config(config: &Config) -> Result<Self, SettingsError> {
        if config.components.is_empty() {
            return Err(SettingsError::NoComponent);
        }
        Ok(Self {
            listen: config.ingress.listen,
            admin_listen: config.ingress.admin_listen,
            journal: config.ingress.journal.clone(),
            journal_limits: Limits::new(config.ingress.journal_max.0),
            body_max: config.ingress.body_max.as_usize(),
            routes: Routes::compile(config.components.iter().map(paths))?,
            rings: config.components.iter().map(key_ring).collect::<Result<_, _>>()?,
            replies: config.replies.clone(),
            proxies: config.ingress.trusted_proxies.clone(),
        })
    }
}

fn paths(component: &Component) -> ComponentPaths {
    ComponentPaths {
        component: component.app_id.clone(),
        event_path: component.event_path.clone(),
        message_path: component.message_path.clone(),
    }
}

/// The pairs of a component that are in force, the current one first.
///
/// # Errors
///
/// [`SettingsError`]; no text of it holds a secret.
pub fn key_ring(component: &Component) -> Result<KeyRing, SettingsError> {
    let id = || component.app_id.clone();
    let token = |source| SettingsError::Token { component: id(), source };
    let pair = |token_text: &Secret, key: &Secret| {
        let key =
            EncodingAesKey::parse(key).map_err(|source| SettingsError::Key { component: id(), source })?;
        Pair::new(token_text.clone(), key).map_err(token)
    };
    let current = pair(&component.token, &component.encoding_aes_key);
    let previous =
        component.previous.iter().map(|previous| pair(&previous.token, &previous.encoding_aes_key));
    let pairs = std::iter::once(current).chain(previous).collect::<Result<_, _>>()?;
    KeyRing::new(id(), pairs).map_err(token)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
