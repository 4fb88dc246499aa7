//! `WeChat`'s error numbers as data: what each means, whether to call again, who has to act.
//!
//! The table covers what a component meets: general numbers, the component's own range, and work with mini programs. A
//! number that is not listed is not called again.

mod component;
mod cure;
mod general;
mod program;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::api::{Api, TokenOf};

/// What is known about one error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorEntry {
    /// The `errcode`.
    pub code: i64,
    /// What it means.
    pub meaning: &'static str,
    /// What it means, in Chinese.
    pub meaning_zh: &'static str,
    /// Whether the call may be made again. See [`classify`], which knows the API too.
    pub retry: Retry,
    /// Who has to act.
    pub fault: Fault,
}

/// Whether a refused call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Never: it would be refused again, and each try counts against a quota.
    Never,
    /// The same request after a backoff with jitter, at least [`min_wait`].
    Later,
    /// Not before the next day: the daily quota of this API is spent. Stop calling it, and alarm.
    NextDay,
    /// Once, after this repair. A second refusal is final: a loop would burn the quota and push good tokens out.
    OnceAfter(Repair),
}

/// What to do before the one repeated call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repair {
    /// Read the stored token again, whichever the call used; only if it is still the same one, replace it.
    RefreshToken,
    /// The same for the component's token.
    RefreshComponentToken,
    /// Use the newest ticket; if there is none younger than 12 hours, ask for tickets.
    NewestTicket,
    /// Get the account's refresh token from its info or from the list.
    RecoverRefreshToken,
}

/// Who has to act on a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nobody: a token aged or a code was used, as tokens and codes do.
    Nobody,
    /// Whoever wrote the calling program: the request is wrong.
    Us,
    /// The component's operator: its configuration, standing or quota at `WeChat`.
    Platform,
    /// The merchant: the account's permissions or standing.
    Merchant,
    /// The user of the account, or the person a registration is for.
    User,
    /// `WeChat`: wait.
    WeChat,
}

/// The tables, each sorted by number; their ranges overlap.
const TABLES: [&[ErrorEntry]; 3] = [general::TABLE, component::TABLE, program::TABLE];

/// What is known about an error number.
pub fn lookup(code: i64) -> Option<&'static ErrorEntry> {
    TABLES.iter().find_map(|table| {
        let at = table.binary_search_by_key(&code, |entry| entry.code).ok()?;
        table.get(at)
    })
}

/// Every number that is listed.
pub fn all() -> impl Iterator<Item = &'static ErrorEntry> {
    TABLES.into_iter().flatten()
}

/// Whether a call to this API may be made again after this error number.
///
/// [`Repair::RefreshToken`] becomes [`Repair::RefreshComponentToken`] where the call carries the component's; to a call
/// without a token a token error means that the secret is wrong, which no call repairs.
pub fn classify(api: Api, code: i64) -> Retry {
    let retry = lookup(code).map_or(Retry::Never, |entry| entry.retry);
    match retry {
        Retry::OnceAfter(Repair::RefreshToken | Repair::RefreshComponentToken) => match api.token() {
            Some(TokenOf::Component) => Retry::OnceAfter(Repair::RefreshComponentToken),
            Some(TokenOf::Authorizer) => Retry::OnceAfter(Repair::RefreshToken),
            None => Retry::Never,
        },
        Retry::Never
        | Retry::Later
        | Retry::NextDay
        | Retry::OnceAfter(Repair::NewestTicket | Repair::RecoverRefreshToken) => retry,
    }
}

/// Shortest time to wait before a [`Retry::Later`] after this error number.
pub fn min_wait(code: i64) -> Duration {
    match code {
        45011 | 61039 => Duration::from_mins(1), // counted by the minute
        _ => Duration::ZERO,
    }
}

impl ErrorEntry {
    /// What to do about it.
    pub fn cure(&self) -> &'static str {
        cure::of(self).0
    }

    /// What to do about it, in Chinese.
    pub fn cure_zh(&self) -> &'static str {
        cure::of(self).1
    }
}

/// Writes a table, one number a line: number, retry, fault, meaning, meaning in Chinese.
macro_rules! table {
    ($($code:literal $retry:ident $fault:ident $meaning:literal $meaning_zh:literal)*) => {
        pub(super) const TABLE: &[ErrorEntry] = &[$(ErrorEntry {
            code: $code,
            meaning: $meaning,
            meaning_zh: $meaning_zh,
            retry: words::$retry,
            fault: Fault::$fault,
        }),*];
    };
}
use table;

/// Short words for the tables.
mod words {
    use super::{Repair, Retry};

    pub(super) const NEVER: Retry = Retry::Never;
    pub(super) const LATER: Retry = Retry::Later;
    pub(super) const NEXT_DAY: Retry = Retry::NextDay;
    pub(super) const NEW_TOKEN: Retry = Retry::OnceAfter(Repair::RefreshToken);
    pub(super) const NEW_COMPONENT_TOKEN: Retry = Retry::OnceAfter(Repair::RefreshComponentToken);
    pub(super) const NEWEST_TICKET: Retry = Retry::OnceAfter(Repair::NewestTicket);
    pub(super) const RECOVER: Retry = Retry::OnceAfter(Repair::RecoverRefreshToken);
}
