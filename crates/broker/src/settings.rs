//! Where `RabbitMQ` is, checked once so that nothing can be wrong with the form of it later.

use std::net::Ipv6Addr;

use lapin::{
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};
use mandate_schema::Secret;

/// Seconds between heartbeats unless the URL says otherwise. A silent broker is noticed after twice that; `RabbitMQ`'s
/// own proposal of 60 would mean two minutes.
const HEARTBEAT: u16 = 10;

/// How to reach `RabbitMQ`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS.
    pub url: Secret,
    /// The PEM text of a private CA, which is trusted beside Mozilla's.
    pub ca: Option<Vec<u8>>,
    /// The role of this process; it names the connections.
    pub role: &'static str,
}

impl Settings {
    /// Whether an attempt to connect could succeed at all. A door asks at its start, to tell the operator at once.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: it could not.
    pub fn check(&self) -> Result<(), SettingsError> {
        Target::new(self).map(drop)
    }
}

/// Settings that were read.
pub(crate) struct Target {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
    role: &'static str,
}

/// What is wrong with the settings. The texts repeat nothing of them: the URL holds a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The URL cannot be read.
    #[error("the URL of RabbitMQ must be \"amqp://user:password@host:5672/vhost\" (amqps:// with TLS)")]
    Url,
    /// The CA is no PEM text.
    #[error("the CA for RabbitMQ must be certificates in PEM form")]
    Ca,
}

impl Target {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let url = settings.url.expose();
        // lapin's own text would repeat the URL.
        let mut uri: AMQPUri = url.parse().map_err(|_text| SettingsError::Url)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        if let Some(address) = ipv6_host(url)? {
            uri.authority.host = address.to_string();
        }
        let cert_chain = settings.ca.clone().map(pem).transpose()?;
        Ok(Self { uri, tls: OwnedTLSConfig { identity: None, cert_chain }, role: settings.role })
    }

    pub(crate) fn uri(&self) -> &AMQPUri {
        &self.uri
    }

    /// What TLS trusts; `None` for a plain connection.
    pub(crate) fn tls(&self) -> Option<&OwnedTLSConfig> {
        match self.uri.scheme {
            AMQPScheme::AMQP => None,
            AMQPScheme::AMQPS => Some(&self.tls),
        }
    }

    /// Host and port, for logs.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.uri.authority.host, self.uri.authority.port)
    }

    /// The name of a connection in `RabbitMQ`'s management and logs.
    pub(crate) fn connection_name(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
        format!("mandate-{}@{host}#{}", self.role, std::process::id())
    }
}

/// The host in brackets, which the parser does not know: it would take `localhost` in its place.
fn ipv6_host(url: &str) -> Result<Option<Ipv6Addr>, SettingsError> {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.strip_prefix('[')
        .and_then(|host| host.split_once(']'))
        .map(|(address, _port)| address.parse().map_err(|_| SettingsError::Url))
        .transpose()
}

fn pem(bytes: Vec<u8>) -> Result<String, SettingsError> {
    String::from_utf8(bytes)
        .ok()
        .filter(|text| text.contains("-----BEGIN CERTIFICATE-----"))
        .ok_or(SettingsError::Ca)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings { url: Secret::new(url), ca: None, role: "worker" }
    }

    fn target(url: &str) -> Result<Target, SettingsError> {
        Target::new(&settings(url))
    }

    #[test]
    fn the_heartbeat_is_ten_seconds_unless_the_url_sets_another() {
        assert_eq!(target("amqp://u:p@host/v").ok().unwrap().uri.query.heartbeat, Some(10));
        assert_eq!(target("amqp://u:p@host/v?heartbeat=3").ok().unwrap().uri.query.heartbeat, Some(3));
    }

    #[test]
    fn an_ipv6_address_is_not_replaced_by_localhost() {
        assert_eq!(target("amqp://u:p@[2001:db8::1]:5673/v").ok().unwrap().address(), "2001:db8::1:5673");
        assert_eq!(target("amqp://u:p@host").ok().unwrap().address(), "host:5672");
    }

    #[test]
    fn neither_debug_nor_an_error_shows_the_password() {
        let shown = format!("{:?}", settings("amqp://user:hunter2@host/v"));
        assert!(!shown.contains("hunter2"), "{shown}");
        for url in ["user:hunter2@host", "http://user:hunter2@host/", "amqp://user:hunter2@host:99999/"] {
            let error = settings(url).check().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn a_ca_that_is_no_pem_text_is_refused_at_once() {
        let settings = Settings { ca: Some(vec![0x30, 0x82]), ..settings("amqps://u:p@host/v") };
        assert_eq!(settings.check(), Err(SettingsError::Ca));
    }

    #[test]
    fn a_connection_is_named_after_role_host_and_process() {
        let name = target("amqp://u:p@host").ok().unwrap().connection_name();
        assert!(name.starts_with("mandate-worker@"), "{name}");
        assert!(name.ends_with(&format!("#{}", std::process::id())), "{name}");
    }
}
