//! Types of settings that the standard library does not have.

use std::fmt;

use actix_web::http::Uri;

use super::scalar::Setting;

/// A size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Units by name, the largest first.
const UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Bytes {
    pub(super) const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    pub(super) const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The size where memory is meant; at most what the machine can address.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

impl Setting for Bytes {
    fn from_text(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, name) = text.split_at(digits);
        let unit = UNITS.iter().find(|(unit, _)| *unit == name);
        let bytes = unit.and_then(|(_, unit)| number.parse::<u64>().ok()?.checked_mul(*unit));
        // SQLite and the file system count in signed 64 bits.
        let bytes = bytes.filter(|bytes| (1..=i64::MAX.unsigned_abs()).contains(bytes));
        bytes
            .map(Self)
            .ok_or_else(|| "must be a size larger than zero, such as \"256KiB\" or \"1GiB\"".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// An address that paths are appended to: `http` or `https`, no query, no fragment, no password, no slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// The address of a server of ours.
    pub fn of_server(address: std::net::SocketAddr) -> Self {
        Self(format!("http://{address}"))
    }

    /// The address as text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Setting for HttpUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        let bad = "must be an address such as \"https://host:port\", without user, query or fragment";
        let uri: Uri = text.parse().map_err(|_| bad.to_owned())?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !scheme || !authority || uri.query().is_some() || text.contains('#') {
            return Err(bad.to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// A host, with or without a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// The host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for Host {
    fn from_text(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        let authority = text.parse::<actix_web::http::uri::Authority>();
        if authority.is_err() || text.starts_with(':') || !text.bytes().all(allowed) {
            return Err("must be a host such as \"shop.example.com\", without scheme or path".to_owned());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_and_a_binary_unit() {
        assert_eq!(Bytes::from_text("256KiB"), Ok(Bytes(262_144)));
        assert_eq!(Bytes::from_text("512B"), Ok(Bytes(512)));
        for bad in ["", "1", "1GB", "0KiB", "-1KiB", "1 GiB", "99999999999TiB", "8388608TiB"] {
            assert!(Bytes::from_text(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(
            ["1GiB", "1536KiB", "3B"].map(|text| Bytes::from_text(text).expect("valid").show()),
            ["1GiB", "1536KiB", "3B"]
        );
    }

    #[test]
    fn addresses_have_a_scheme_and_a_host_and_nothing_that_could_be_secret() {
        assert_eq!(
            HttpUrl::from_text("https://h.example/base/").expect("valid").as_str(),
            "https://h.example/base"
        );
        for bad in [
            "",
            "h.example",
            "ftp://h",
            "https://",
            "/path",
            "https://u:p@h",
            "https://h/?q=1",
            "https://h/#f",
        ] {
            assert!(HttpUrl::from_text(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn hosts_are_lower_case_and_have_neither_scheme_nor_path() {
        assert_eq!(
            Host::from_text("Shop.Example.com:8443").expect("valid").as_str(),
            "shop.example.com:8443"
        );
        for bad in ["", "https://h", "h/path", "u@h", "a b", ":8443", "*.example.com"] {
            assert!(Host::from_text(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
