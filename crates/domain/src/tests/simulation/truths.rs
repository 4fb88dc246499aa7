//! What must be true of a single event when it is recorded, whatever heals it later.

use mandate_schema::{Event, Field, GrantedVia, RevokedVia};

use super::wechat::WeChat;
use crate::NewEvent;

/// When the newest recorded facts happened, by the true time.
#[derive(Debug, Default)]
pub(super) struct Known {
    grant: i64,
    revocation: i64,
}

impl Known {
    /// A confirmed fact must be newer than the recorded one that it contradicts. `acted_at` is when a callback's act happened.
    pub(super) fn check(&mut self, new: &NewEvent, wechat: &WeChat, acted_at: Option<i64>) {
        match &new.event {
            Event::Granted(grant) if grant.via == GrantedVia::Confirmed => {
                assert!(
                    wechat.was_authorized_after(self.revocation),
                    "granted by an answer that is older than the revocation"
                );
            }
            Event::Granted(_) | Event::Updated(_) => {
                self.grant = self.grant.max(acted_at.unwrap_or_default());
            }
            Event::Revoked(revoked) if revoked.via == RevokedVia::Confirmed => {
                assert!(
                    wechat.was_gone_after(self.grant),
                    "revoked by an answer that is older than the grant"
                );
                self.revocation = self.revocation.max(wechat.last_gone());
            }
            Event::Revoked(_) => self.revocation = self.revocation.max(acted_at.unwrap_or_default()),
            _ => {}
        }
    }
}

/// The refresh token that an event brings must not be older than the one that is held.
pub(super) fn check_token(new: &NewEvent, held: Option<&str>) {
    let brought = new.secrets.iter().find(|(field, _)| *field == Field::RefreshToken);
    if let (Some((_, brought)), Some(held)) = (brought, held) {
        assert!(
            age(brought.expose()) >= age(held),
            "{:?} replaces {held:?} in {}",
            brought.expose(),
            new.event.name()
        );
    }
}

/// `token 2 and on and on` is of the second authorization, refreshed twice.
fn age(token: &str) -> (u32, usize) {
    let number = token.split(' ').nth(1).and_then(|number| number.parse().ok()).expect("a token of ours");
    (number, token.matches(" and on").count())
}
