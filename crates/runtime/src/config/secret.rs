//! Settings that are secret: masked wherever they are shown, and readable from a file of their own.

use std::{fs::File, io::Read, path::Path};

use actix_web::http::Uri;
use mandate_schema::Secret;
use zeroize::Zeroizing;

use super::{
    report::Origin,
    section::{NOT_SET, Reported, Section},
    tree::{Node, Scalar},
};

/// What is shown in place of a secret.
pub(super) const MASK: &str = "********";
/// The largest file that is read as a secret, in bytes.
const LARGEST: u64 = 64 * 1024;

impl Section<'_> {
    /// A secret that may be absent. `check` says what is wrong with its text, without repeating it.
    pub(super) fn secret(
        &mut self,
        key: &'static str,
        check: fn(&str) -> Result<(), String>,
    ) -> Option<Secret> {
        self.secret_as(key, |text| check(text).map(|()| Secret::new(text)), |_| MASK.to_owned())
    }

    /// A secret that must be there. `None` has been reported.
    pub(super) fn required_secret(
        &mut self,
        key: &'static str,
        check: fn(&str) -> Result<(), String>,
    ) -> Option<Secret> {
        let found =
            self.read_secret(key, |text| check(text).map(|()| Secret::new(text)), |_| MASK.to_owned());
        if matches!(found, Ok(None)) {
            self.missing(key);
        }
        found.ok().flatten()
    }

    /// A setting that holds a secret among other things, such as an address with a password; `show` must hide it.
    pub(super) fn secret_as<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        let found = self.read_secret(key, parse, show);
        if matches!(found, Ok(None)) {
            self.resolved(key, NOT_SET, Origin::Default);
        }
        found.ok().flatten()
    }

    /// As [`Section::secret_as`], with a default.
    pub(super) fn get_secret<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&T) -> String,
        default: fn() -> T,
    ) -> T {
        let found = self.read_secret(key, parse, &show);
        if matches!(found, Ok(None)) {
            self.resolved(key, show(&default()), Origin::Default);
        }
        found.ok().flatten().unwrap_or_else(default)
    }

    /// A list of secrets.
    pub(super) fn secret_list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Ok(node) = self.choose(key) else {
            return Vec::new();
        };
        let origin = node.as_ref().map(|node| node.origin().clone()).unwrap_or_default();
        let scalars = node.map_or_else(Vec::new, |node| self.scalars(key, node));
        let values: Vec<T> = scalars
            .iter()
            .filter_map(|scalar| {
                text(scalar).and_then(&parse).map_err(|message| self.problem(key, &origin, message)).ok()
            })
            .collect();
        self.resolved(key, format!("[{}]", vec![MASK; values.len()].join(", ")), origin);
        values
    }

    fn read_secret<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> Result<Option<T>, Reported> {
        let Some(node) = self.choose(key)? else {
            return Ok(None);
        };
        let result = match &node {
            Node::Leaf(scalar, _) => text(scalar).and_then(parse),
            Node::Table(_) | Node::List(..) => Err("must be a single value".to_owned()),
        };
        match result {
            Ok(value) => {
                self.resolved(key, show(&value), node.origin().clone());
                Ok(Some(value))
            }
            Err(message) => {
                self.problem(key, node.origin(), message);
                Err(Reported)
            }
        }
    }

    /// Chooses between `key` and `key_file`: the environment before the file, and one of them at each level.
    fn choose(&mut self, key: &'static str) -> Result<Option<Node>, Reported> {
        let file_key = format!("{key}_file");
        let (direct, by_file) = (self.take(key), self.take(file_key.clone()));
        match (direct, by_file) {
            (direct, None) => Ok(direct),
            (None, Some(file)) => self.follow(&file_key, &file).map(Some),
            (Some(direct), Some(file)) => {
                match (direct.origin().is_environment(), file.origin().is_environment()) {
                    (true, false) => Ok(Some(direct)),
                    (false, true) => self.follow(&file_key, &file).map(Some),
                    (true, true) | (false, false) => {
                        self.problem(
                            key,
                            direct.origin(),
                            format!("is set, and so is `{file_key}`; set one of them"),
                        );
                        Err(Reported)
                    }
                }
            }
        }
    }

    /// Reads the file that a key names.
    fn follow(&self, file_key: &str, node: &Node) -> Result<Node, Reported> {
        let result = match node {
            Node::Leaf(scalar, _) => text(scalar).and_then(|path| read(path.as_ref())),
            Node::Table(_) | Node::List(..) => Err("must be the name of a file".to_owned()),
        };
        result.map_err(|message| {
            self.problem(file_key, node.origin(), message);
            Reported
        })
    }
}

fn text(scalar: &Scalar) -> Result<&str, String> {
    match scalar {
        Scalar::Text(text) | Scalar::Untyped(text) if text.is_empty() => {
            Err("is empty; give it a value or leave it out".to_owned())
        }
        Scalar::Text(text) | Scalar::Untyped(text) => Ok(text),
        Scalar::Integer(_) | Scalar::Boolean(_) | Scalar::Other => Err("must be text in quotes".to_owned()),
    }
}

fn read(path: &Path) -> Result<Node, String> {
    let mut content = Zeroizing::new(String::new());
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut content));
    let length = read.map_err(|error| format!("names {}, which cannot be read: {error}", path.display()))?;
    if length as u64 > LARGEST {
        return Err(format!("names {}, which is larger than a secret can be", path.display()));
    }
    let text = Zeroizing::new(content.trim_end_matches(['\r', '\n']).to_owned());
    Ok(Node::Leaf(Scalar::Untyped(text), Origin::SecretFile { path: path.to_owned() }))
}

/// A secret that goes into headers and bodies: one line of visible characters.
pub(super) fn visible(text: &str) -> Result<(), String> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("must be one line of letters, digits and punctuation, without spaces".to_owned())
    }
}

/// An address without what may be secret in it: its password, and all values of its query but a few. An address that is not
/// clear in every part, for example because its password was not percent-encoded, is hidden but for its scheme.
pub(super) fn mask_url(url: &str) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    clear_parts(url).unwrap_or_else(|| format!("{scheme}://{MASK}"))
}

fn clear_parts(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let (path, query) = (uri.path(), uri.query().unwrap_or(""));
    if url.contains('#') || path.contains('@') || query.contains('@') {
        return None;
    }
    let authority = match authority.rsplit_once('@') {
        None => authority.to_owned(),
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{MASK}@{host}"),
            None => format!("{MASK}@{host}"),
        },
    };
    let parameters: Vec<String> =
        query.split('&').filter(|part| !part.is_empty()).map(mask_parameter).collect();
    let separator = if parameters.is_empty() { "" } else { "?" };
    Some(format!("{scheme}://{authority}{path}{separator}{}", parameters.join("&")))
}

fn mask_parameter(parameter: &str) -> String {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let open = matches!(name, "sslmode" | "application_name" | "connect_timeout" | "heartbeat");
    format!("{name}={}", if open { value } else { MASK })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_passwords() {
        for (url, shown) in [
            (
                "postgres://mandate:hunter2@db:5432/m?sslmode=require",
                "postgres://mandate:********@db:5432/m?sslmode=require",
            ),
            ("postgres://db/m?user=u&password=hunter2", "postgres://db/m?user=********&password=********"),
            ("amqps://mandate:hunter2@mq/vhost", "amqps://mandate:********@mq/vhost"),
            ("http://hunter2@proxy:3128", "http://********@proxy:3128/"),
            ("http://proxy:3128", "http://proxy:3128/"),
        ] {
            assert_eq!(mask_url(url), shown);
        }
    }

    #[test]
    fn an_address_that_can_be_read_in_two_ways_is_hidden() {
        for url in [
            "postgres://mandate:hun/ter2@db/m",
            "postgres://mandate:12/ter2@db/m",
            "postgres://mandate:12?ter2@db/m",
            "postgres://mandate:hun#ter2@db/m",
            "postgres://mandate:hun ter2@db/m",
            "postgres://db/m?password=hun@ter2",
            "postgres:///m?host=/run&password=ter2",
        ] {
            assert_eq!(mask_url(url), "postgres://********", "{url}");
        }
        let two = mask_url("amqp://mandate:hun@ter2@mq/vhost");
        assert!(!two.contains("hun") && !two.contains("ter2"), "{two}");
    }
}
