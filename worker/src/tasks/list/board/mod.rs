//! Which authorizers are looked for, how far the scan has come, and what it has found. Pure.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, hash_map::Entry};

use jiff::{SignedDuration, Timestamp};
use mandate_schema::AuthorizerId;
use mandate_wechat::api::{AuthorizerListReply, ListedAuthorizer};

use super::Cursor;

/// Authorizers that are looked for, and answers that are kept, at most.
const ENTRIES_MAX: usize = 10_000;
/// Authorizers in doubt that are remembered, at most.
const DOUBTS_MAX: usize = 100_000;
/// How long an authorizer is looked for after the last question about it, and how long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// How long an answer is expected to be fetched: longer than a task is put off that waits for it.
const EXPECTED: SignedDuration = SignedDuration::from_mins(2);
/// While entries of the list cannot be read, an authorizer is not found only after a second round, so much later.
pub(super) const SECOND_LOOK: SignedDuration = SignedDuration::from_hours(1);
/// How long the first of these rounds is remembered.
const DOUBTED: SignedDuration = SignedDuration::from_hours(24);

/// What the list says about an authorizer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Listing {
    /// Its entry.
    Found(ListedAuthorizer),
    /// The whole list was read, and it is not there.
    NotFound,
    /// It is not there, but entries of the list cannot be read, and one of them may be meant.
    Unknown,
}

/// What a question about an authorizer comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum BoardAnswer {
    /// The answer.
    Answered(Listing),
    /// It is looked for; so many places of the list are still to be read.
    Waits { places: u64 },
    /// It is looked for, but the list is not read just now.
    Paused(ListPause),
    /// Another worker scans: it is not looked for here.
    Elsewhere,
    /// Too many are looked for.
    Full,
}

/// Why the list is not read, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListPause {
    pub(super) not_before: Timestamp,
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

/// The scan of one component's list. It goes round and round while there are waiters.
#[derive(Debug, Default)]
pub(super) struct Board {
    cursor: Cursor,
    /// Rounds that are complete.
    round: u64,
    /// The length of the list by its own account.
    total: u64,
    waiters: HashMap<AuthorizerId, Waiter>,
    answers: HashMap<AuthorizerId, KeptListing>,
    /// When a whole round first did not find an authorizer, and had entries that cannot be read.
    doubts: HashMap<AuthorizerId, Timestamp>,
    pause: Option<ListPause>,
    is_elsewhere: bool,
}

/// An authorizer that is looked for, until the scan comes round to the place where it was when this began.
#[derive(Debug)]
struct Waiter {
    since: Timestamp,
    last_asked: Timestamp,
    round: u64,
    offset: u64,
    /// Whether a page since then had entries that cannot be read.
    unreadable: bool,
}

/// An answer. It is given as often as it is asked for: an attempt may fail after it, and begin again.
#[derive(Debug)]
struct KeptListing {
    listing: Listing,
    /// Since when it is true.
    since: Timestamp,
    answered_at: Timestamp,
    was_given: bool,
}

impl KeptListing {
    fn is_kept(&self, now: Timestamp) -> bool {
        now.duration_since(self.answered_at) < KEPT
    }
}

impl Board {
    /// Asks about an authorizer. What was read before `newer_than` is no answer.
    pub(super) fn ask(
        &mut self,
        authorizer: &AuthorizerId,
        newer_than: Timestamp,
        now: Timestamp,
    ) -> BoardAnswer {
        if let Some(kept) = self.answers.get_mut(authorizer) {
            if kept.since >= newer_than && kept.is_kept(now) {
                kept.was_given = true;
                return BoardAnswer::Answered(kept.listing.clone());
            }
            self.answers.remove(authorizer);
        }
        if self.is_elsewhere {
            return BoardAnswer::Elsewhere;
        }
        if self.doubts.get(authorizer).is_some_and(|first| *first < newer_than) {
            self.doubts.remove(authorizer);
        }
        let Some(places) = self.look_for(authorizer, newer_than, now) else { return BoardAnswer::Full };
        match &self.pause {
            Some(pause) if now < pause.not_before => BoardAnswer::Paused(pause.clone()),
            Some(_) | None => BoardAnswer::Waits { places },
        }
    }

    /// Answers how many places of the list are still to be read; `None`: too many are looked for.
    fn look_for(&mut self, authorizer: &AuthorizerId, newer_than: Timestamp, now: Timestamp) -> Option<u64> {
        if self.is_full() {
            self.answers.retain(|_, kept| !kept.was_given && kept.is_kept(now));
        }
        let (round, offset, is_full) = (self.round, self.cursor.offset(), self.is_full());
        let joins = Waiter { since: now, last_asked: now, round, offset, unreadable: false };
        let waiter = match self.waiters.entry(authorizer.clone()) {
            Entry::Vacant(_) if is_full => return None,
            Entry::Vacant(place) => place.insert(joins),
            Entry::Occupied(mut place) => {
                if place.get().since < newer_than {
                    place.insert(joins);
                }
                place.into_mut()
            }
        };
        waiter.last_asked = now;
        Some(if round == waiter.round {
            self.total.saturating_sub(offset).saturating_add(waiter.offset)
        } else {
            waiter.offset.saturating_sub(offset)
        })
    }

    fn is_full(&self) -> bool {
        self.waiters.len() + self.answers.len() >= ENTRIES_MAX
    }

    /// Where the next page begins; `None`: there are no waiters. Those who have not asked for a while are forgotten.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<u64> {
        self.waiters.retain(|_, waiter| now.duration_since(waiter.last_asked) < KEPT);
        self.answers.retain(|_, kept| kept.is_kept(now));
        self.doubts.retain(|_, first| now.duration_since(*first) < DOUBTED);
        (!self.waiters.is_empty()).then(|| self.cursor.offset())
    }

    /// Whether an answer is expected to be fetched: the lead stays here until then, so that no other worker reads the same again.
    pub(super) fn has_expected_answers(&self, now: Timestamp) -> bool {
        self.answers.values().any(|kept| !kept.was_given && now.duration_since(kept.answered_at) < EXPECTED)
    }

    /// Another worker has the lead. It knows nothing of the waiters here: they have to ask there.
    pub(super) fn lead_is_elsewhere(&mut self) {
        self.is_elsewhere = true;
        self.waiters.clear();
    }

    /// The lead is this worker's, or may be.
    pub(super) fn lead_may_be_here(&mut self) {
        self.is_elsewhere = false;
    }

    /// The list is not read for a while. The next page that is read ends this.
    pub(super) fn pause(&mut self, pause: ListPause) {
        self.pause = Some(pause);
    }

    /// Takes a page that was asked for at `called_at`: those that it names are found, and those who have seen the whole list
    /// are answered.
    pub(super) fn take(&mut self, page: AuthorizerListReply, called_at: Timestamp, now: Timestamp) {
        self.pause = None;
        if page.unreadable > 0 {
            self.waiters.values_mut().for_each(|waiter| waiter.unreadable = true);
        }
        if let Some(total) = page.total_count {
            self.total = total;
        }
        for listed in &page.list {
            let authorizer = &listed.authorizer_appid;
            if self.waiters.get(authorizer).is_some_and(|waiter| waiter.since <= called_at) {
                self.waiters.remove(authorizer);
                self.doubts.remove(authorizer);
                self.answer(authorizer.clone(), Listing::Found(listed.clone()), called_at, now);
            }
        }
        if self.cursor.take(page).is_none() {
            self.cursor = Cursor::default();
            self.round += 1;
        }
        // Who came while the page was under way begins behind it.
        let (round, offset) = (self.round, self.cursor.offset());
        for waiter in self.waiters.values_mut().filter(|waiter| waiter.since > called_at) {
            (waiter.round, waiter.offset) = (round, offset);
        }
        self.answer_all_who_have_seen_it_all(now);
    }

    /// The length of the list by its own account.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    fn answer_all_who_have_seen_it_all(&mut self, now: Timestamp) {
        let place = (self.round, self.cursor.offset());
        let has_seen_it_all =
            |_: &AuthorizerId, waiter: &mut Waiter| place >= (waiter.round + 1, waiter.offset);
        let done: Vec<_> = self.waiters.extract_if(has_seen_it_all).collect();
        for (authorizer, waiter) in done {
            let listing = self.absent(&authorizer, &waiter, now);
            self.answer(authorizer, listing, waiter.since, now);
        }
    }

    /// What it means that a whole round did not name an authorizer. An entry that stays unreadable must not keep all others
    /// in doubt.
    fn absent(&mut self, authorizer: &AuthorizerId, waiter: &Waiter, now: Timestamp) -> Listing {
        if !waiter.unreadable {
            self.doubts.remove(authorizer);
            return Listing::NotFound;
        }
        match self.doubts.get(authorizer) {
            Some(first) if waiter.since.duration_since(*first) >= SECOND_LOOK => Listing::NotFound,
            Some(_) => Listing::Unknown,
            None => {
                if self.doubts.len() < DOUBTS_MAX {
                    self.doubts.insert(authorizer.clone(), now);
                }
                Listing::Unknown
            }
        }
    }

    fn answer(&mut self, authorizer: AuthorizerId, listing: Listing, since: Timestamp, now: Timestamp) {
        self.answers.insert(authorizer, KeptListing { listing, since, answered_at: now, was_given: false });
    }
}
