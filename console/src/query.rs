//! Query parameters, read strictly: a misspelt filter must not silently answer with everything.

use std::{str::FromStr, time::Duration};

use actix_web::{HttpRequest, web};
use mandate_worker::messages::WAIT_MAX;

use crate::list::{LIMIT_DEFAULT, LIMIT_MAX};

/// Characters of an unknown parameter's name that are repeated to the caller.
const NAME_SHOWN: usize = 40;

/// Why a query cannot be used. Values are not repeated: somebody may have put a token there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The address does not know this parameter.
    #[error("unknown query parameter {name:?}; known here: {}", list(known))]
    Unknown {
        /// Its name, shortened.
        name: String,
        /// Those that the address knows.
        known: &'static [&'static str],
    },
    /// A parameter that stands there twice.
    #[error("query parameter {0} is given more than once")]
    Repeated(&'static str),
    /// A value that cannot be used.
    #[error("query parameter {name}: {reason}")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// It is not a query at all.
    #[error("the query is not readable")]
    Unreadable,
}

fn list(known: &[&str]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

/// The parameters of one request, each known and given once.
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// `wait`: whole seconds, how long an answer without anything to tell is held back.
    pub(crate) fn wait(&self) -> Result<Duration, QueryError> {
        let seconds =
            self.text("wait").map_or(Ok(0), |text| text.strip_suffix('s').unwrap_or(text).parse::<u64>());
        match seconds.map(Duration::from_secs) {
            Ok(wait) if wait <= WAIT_MAX => Ok(wait),
            Ok(_) | Err(_) => {
                let reason = format!("whole seconds, {} at most", WAIT_MAX.as_secs());
                Err(QueryError::Invalid { name: "wait", reason })
            }
        }
    }

    /// Reads a request's query.
    ///
    /// # Errors
    ///
    /// [`QueryError::Unknown`], [`QueryError::Repeated`], [`QueryError::Unreadable`].
    pub(crate) fn read(request: &HttpRequest, known: &'static [&'static str]) -> Result<Self, QueryError> {
        Self::parse(request.query_string(), known)
    }

    fn parse(text: &str, known: &'static [&'static str]) -> Result<Self, QueryError> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text);
        let pairs = pairs.map_err(|_| QueryError::Unreadable)?.into_inner();
        let mut read: Vec<(&'static str, String)> = Vec::with_capacity(pairs.len());
        for (given, value) in pairs {
            let Some(name) = known.iter().find(|name| **name == given) else {
                return Err(QueryError::Unknown { name: given.chars().take(NAME_SHOWN).collect(), known });
            };
            if read.iter().any(|(before, _)| before == name) {
                return Err(QueryError::Repeated(name));
            }
            read.push((*name, value));
        }
        Ok(Self(read))
    }

    /// A parameter's text, if it is given.
    pub(crate) fn text(&self, name: &'static str) -> Option<&str> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// A parameter's value, if it is given.
    ///
    /// # Errors
    ///
    /// [`QueryError::Invalid`].
    pub(crate) fn value<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, QueryError> {
        let parsed = self.text(name).map(str::parse::<T>).transpose();
        parsed.map_err(|error| QueryError::Invalid { name, reason: error.to_string() })
    }

    /// A parameter's value as one of some names, if it is given.
    ///
    /// # Errors
    ///
    /// [`QueryError::Invalid`].
    pub(crate) fn one_of(
        &self,
        name: &'static str,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Result<Option<String>, QueryError> {
        let Some(given) = self.text(name) else { return Ok(None) };
        let names: Vec<_> = names.into_iter().collect();
        if names.contains(&given) {
            return Ok(Some(given.to_owned()));
        }
        Err(QueryError::Invalid { name, reason: format!("it must be one of {}", names.join(", ")) })
    }

    /// The page size that `limit` asks for.
    ///
    /// # Errors
    ///
    /// [`QueryError::Invalid`]: not a number, or out of range.
    pub(crate) fn limit(&self) -> Result<usize, QueryError> {
        let Some(text) = self.text("limit") else { return Ok(LIMIT_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| QueryError::Invalid {
            name: "limit",
            reason: format!("it must be a number from 1 to {LIMIT_MAX}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["limit", "q"];

    fn limit(text: &str) -> Result<usize, QueryError> {
        Query::parse(text, KNOWN)?.limit()
    }

    #[test]
    fn a_misspelt_parameter_is_refused_with_those_that_are_known() {
        let error = limit("limits=5").expect_err("unknown");
        assert_eq!(error.to_string(), r#"unknown query parameter "limits"; known here: limit, q"#);
        let error = Query::parse("x=1", &[]).err().expect("unknown");
        assert_eq!(error.to_string(), r#"unknown query parameter "x"; known here: none"#);
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert_eq!(limit("limit=5&limit=6"), Err(QueryError::Repeated("limit")));
    }

    #[test]
    fn a_limit_has_bounds_and_a_default() {
        assert_eq!(limit(""), Ok(50));
        assert_eq!((limit("limit=1"), limit("limit=500")), (Ok(1), Ok(500)));
        for bad in ["limit=0", "limit=501", "limit=-1", "limit=", "limit=ten", "limit=99999999999999999999"] {
            assert!(matches!(limit(bad), Err(QueryError::Invalid { name: "limit", .. })), "{bad}");
        }
    }

    #[test]
    fn no_value_is_repeated_in_an_error() {
        let secret = "ticket@@@secret";
        let query = Query::parse("limit=ticket@@@secret&q=ticket@@@secret", KNOWN).expect("known");
        for error in [
            query.limit().expect_err("no number"),
            query.value::<u64>("q").expect_err("no number"),
            query.one_of("q", ["a"]).expect_err("not a"),
        ] {
            assert!(!error.to_string().contains(secret), "{error}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        let query = Query::parse("q=%E5%BE%AE%E4%BF%A1+a%26b", KNOWN).expect("known");
        assert_eq!(query.text("q"), Some("微信 a&b"));
    }
}
