//! From single values to types.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use mandate_schema::{AuthorizerId, ComponentId};

use super::tree::Scalar;

/// A type that a setting can have.
pub(super) trait Setting: Sized {
    /// Reads a text of the file or of the environment.
    ///
    /// The error says what would be right ("must be …"). It never repeats the text: that may be a secret in the wrong place.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads any value. Most types are written as text.
    fn from_scalar(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Text(text) | Scalar::Untyped(text) => Self::from_text(text),
            Scalar::Integer(_) | Scalar::Boolean(_) | Scalar::Other => {
                Err("must be text in quotes".to_owned())
            }
        }
    }

    /// The value as `config show` prints it.
    fn show(&self) -> String;
}

impl Setting for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Setting for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must name a file".to_owned()) } else { Ok(text.into()) }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for SocketAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "must be an address with a port, such as \"127.0.0.1:8080\"".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for ComponentId {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| format!("is {error}"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for AuthorizerId {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| format!("is {error}"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for IpNet {
    fn from_text(text: &str) -> Result<Self, String> {
        let address = || text.parse().map(|address: std::net::IpAddr| Self::from(address));
        text.parse().or_else(|_| address()).map_err(|_| "must be a network such as \"10.0.0.0/8\"".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for bool {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "must be true or false".to_owned())
    }

    fn from_scalar(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Boolean(value) => Ok(*value),
            Scalar::Untyped(text) => Self::from_text(text),
            Scalar::Text(_) | Scalar::Integer(_) | Scalar::Other => Err("must be true or false".to_owned()),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Counts: nothing that is counted here may be zero.
impl Setting for u32 {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().ok().filter(|number| *number > 0).ok_or_else(expected_count)
    }

    fn from_scalar(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Integer(number) => {
                Self::try_from(*number).ok().filter(|number| *number > 0).ok_or_else(expected_count)
            }
            Scalar::Untyped(text) => Self::from_text(text),
            Scalar::Text(_) | Scalar::Boolean(_) | Scalar::Other => Err(expected_count()),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

fn expected_count() -> String {
    format!("must be a whole number from 1 to {}", u32::MAX)
}
