//! Who looks for an authorizer in the list, how far the scan has come, and what it has found. Pure.

use std::collections::{HashMap, hash_map::Entry};

use jiff::{SignedDuration, Timestamp};
use mandate_schema::AuthorizerId;
use mandate_wechat::api::{AuthorizerListReply, ListedAuthorizer, Refusal};

use super::Cursor;

/// Authorizers that are looked for, and answers that are kept, at most.
const ENTRIES_MAX: usize = 10_000;
/// How long an authorizer is looked for after somebody last asked, and how long an answer is kept for whoever asked.
const KEPT: SignedDuration = SignedDuration::from_mins(10);

/// What the list says about an authorizer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Listing {
    /// Its entry.
    Found(ListedAuthorizer),
    /// The whole list was read, and it is not there.
    NotFound,
    /// It is not there, but entries of the list cannot be read, and one of them may be meant.
    Unknown,
    /// `WeChat` refuses to show the list.
    Refused(Refusal),
}

/// What somebody gets who asks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// The answer.
    Answered(Listing),
    /// It is looked for; so many places of the list are still to be read.
    Waits { places: u64 },
    /// Too many are looked for.
    Full,
}

/// The scan of one component's list. It goes round and round while somebody waits.
#[derive(Debug, Default)]
pub(super) struct Board {
    cursor: Cursor,
    /// Rounds that are complete.
    round: u64,
    /// The length of the list by its own account.
    total: u64,
    waiting: HashMap<AuthorizerId, Waiting>,
    answers: HashMap<AuthorizerId, Answer>,
}

/// An authorizer that is looked for, until the scan comes round to the place where it was when this began.
#[derive(Debug)]
struct Waiting {
    since: Timestamp,
    last_asked: Timestamp,
    round: u64,
    offset: u64,
    /// Whether a page since then had entries that cannot be read.
    unreadable: bool,
}

#[derive(Debug)]
struct Answer {
    listing: Listing,
    /// Since when it is true.
    since: Timestamp,
    kept_until: Timestamp,
}

impl Board {
    /// Asks about an authorizer. Whatever was read before `newer_than` is no answer.
    pub(super) fn ask(&mut self, authorizer: &AuthorizerId, newer_than: Timestamp, now: Timestamp) -> Asked {
        if let Some(answer) = self.answers.remove(authorizer).filter(|answer| answer.since >= newer_than) {
            return Asked::Answered(answer.listing);
        }
        let (round, offset) = (self.round, self.cursor.offset());
        let is_full = self.waiting.len() + self.answers.len() >= ENTRIES_MAX;
        let joins = Waiting { since: now, last_asked: now, round, offset, unreadable: false };
        let waiting = match self.waiting.entry(authorizer.clone()) {
            Entry::Vacant(_) if is_full => return Asked::Full,
            Entry::Vacant(place) => place.insert(joins),
            Entry::Occupied(mut place) => {
                if place.get().since < newer_than {
                    place.insert(joins);
                }
                place.into_mut()
            }
        };
        waiting.last_asked = now;
        let places = if round == waiting.round {
            self.total.saturating_sub(offset).saturating_add(waiting.offset)
        } else {
            waiting.offset.saturating_sub(offset)
        };
        Asked::Waits { places }
    }

    /// Where the next page begins; `None`: nobody waits. Those who have not asked for a while are forgotten.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<u64> {
        self.waiting.retain(|_, waiting| now.duration_since(waiting.last_asked) < KEPT);
        self.answers.retain(|_, answer| now < answer.kept_until);
        (!self.waiting.is_empty()).then(|| self.cursor.offset())
    }

    /// Takes a page that was asked for at `called_at`: whom it names is found, and who has seen the whole list is answered.
    pub(super) fn take(&mut self, page: AuthorizerListReply, called_at: Timestamp, now: Timestamp) {
        if page.unreadable > 0 {
            self.waiting.values_mut().for_each(|waiting| waiting.unreadable = true);
        }
        if let Some(total) = page.total_count {
            self.total = total;
        }
        for listed in &page.list {
            let authorizer = &listed.authorizer_appid;
            if self.waiting.get(authorizer).is_some_and(|waiting| waiting.since <= called_at) {
                self.waiting.remove(authorizer);
                self.answer(authorizer.clone(), Listing::Found(listed.clone()), called_at, now);
            }
        }
        if self.cursor.take(page).is_none() {
            self.cursor = Cursor::default();
            self.round += 1;
        }
        // Who came while the page was under way begins behind it.
        let (round, offset) = (self.round, self.cursor.offset());
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.since > called_at) {
            (waiting.round, waiting.offset) = (round, offset);
        }
        self.answer_all_who_have_seen_it_all(now);
    }

    /// Nobody finds anything in a list that is not shown.
    pub(super) fn refuse(&mut self, refusal: &Refusal, now: Timestamp) {
        for (authorizer, waiting) in std::mem::take(&mut self.waiting) {
            self.answer(authorizer, Listing::Refused(refusal.clone()), waiting.since, now);
        }
    }

    /// The length of the list by its own account.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Rounds that are complete.
    pub(super) fn rounds(&self) -> u64 {
        self.round
    }

    fn answer_all_who_have_seen_it_all(&mut self, now: Timestamp) {
        let place = (self.round, self.cursor.offset());
        let has_seen_it_all =
            |_: &AuthorizerId, waiting: &mut Waiting| place >= (waiting.round + 1, waiting.offset);
        let done: Vec<_> = self.waiting.extract_if(has_seen_it_all).collect();
        for (authorizer, waiting) in done {
            let listing = if waiting.unreadable { Listing::Unknown } else { Listing::NotFound };
            self.answer(authorizer, listing, waiting.since, now);
        }
    }

    fn answer(&mut self, authorizer: AuthorizerId, listing: Listing, since: Timestamp, now: Timestamp) {
        self.answers.insert(authorizer, Answer { listing, since, kept_until: now + KEPT });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_767_225_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(START + second).unwrap()
    }

    fn authorizer(place: u64) -> AuthorizerId {
        format!("wx{place:016x}").parse().unwrap()
    }

    /// A list of this length, read in full pages, ten in a second.
    struct Reader {
        board: Board,
        length: u64,
        /// Offsets that were read, in order.
        read: Vec<u64>,
    }

    impl Reader {
        fn of(length: u64) -> Self {
            Self { board: Board::default(), length, read: Vec::new() }
        }

        fn now(&self) -> Timestamp {
            at(i64::try_from(self.read.len()).unwrap() / 10)
        }

        fn ask(&mut self, place: u64) -> Asked {
            self.board.ask(&authorizer(place), Timestamp::UNIX_EPOCH, self.now())
        }

        #[track_caller]
        fn waits(&mut self, place: u64) {
            let asked = self.ask(place);
            assert!(matches!(asked, Asked::Waits { .. }), "{place}: {asked:?}");
        }

        #[track_caller]
        fn knows(&mut self, place: u64) {
            match self.ask(place) {
                Asked::Answered(Listing::Found(listed)) => {
                    assert_eq!(listed.authorizer_appid, authorizer(place));
                }
                Asked::Answered(Listing::NotFound) => assert!(place >= self.length, "{place} is listed"),
                other => panic!("{place}: {other:?}"),
            }
        }

        fn page(&self, offset: u64) -> AuthorizerListReply {
            let entry = |place| ListedAuthorizer {
                authorizer_appid: authorizer(place),
                refresh_token_is_damaged: false,
                refresh_token: None,
                auth_time: None,
            };
            let list = (offset..self.length.min(offset + 500)).map(entry).collect();
            AuthorizerListReply { total_count: Some(self.length), list, unreadable: 0 }
        }

        /// Reads the next page; `false`: nobody waits.
        fn reads(&mut self) -> bool {
            let now = self.now();
            let Some(offset) = self.board.next(now) else { return false };
            self.read.push(offset);
            self.board.take(self.page(offset), now, self.now());
            true
        }

        /// How often the page was read that was read most.
        fn most_often(&self) -> u32 {
            let mut counts = HashMap::<u64, u32>::new();
            self.read.iter().for_each(|offset| *counts.entry(*offset).or_default() += 1);
            counts.into_values().max().unwrap_or(0)
        }
    }

    #[test]
    fn a_list_has_no_limit_on_its_pages() {
        let mut reader = Reader::of(600_000);
        for place in [499_001, 499_002, 550_000, 599_999, 600_000] {
            reader.waits(place);
        }
        while reader.reads() {}
        for place in [499_001, 499_002, 550_000, 599_999, 600_000] {
            reader.knows(place);
        }
        assert_eq!((reader.most_often(), reader.read.len()), (1, 1_227));
    }

    /// Whoever joins, whenever in the first round: nobody makes it read a page a third time.
    #[test]
    fn whoever_joins_in_the_first_round_is_answered_within_the_second() {
        for every in [1, 2, 5] {
            let mut reader = Reader::of(10_000);
            let mut asked: Vec<u64> = vec![20_000];
            reader.waits(20_000);
            for page in 0..19_u64 {
                assert!(reader.reads());
                for place in [page * 53, 9_999 - page, page * 490 + 495, 30_000 + page] {
                    if page % every == 0 && !asked.contains(&place) {
                        reader.waits(place);
                        asked.push(place);
                    }
                }
            }
            while reader.reads() {}
            for place in asked {
                reader.knows(place);
            }
            assert_eq!(reader.most_often(), 2, "{:?}", reader.read);
        }
    }

    #[test]
    fn a_scan_that_nobody_waited_for_goes_on_where_it_was() {
        let mut reader = Reader::of(2_000);
        reader.waits(600);
        while reader.reads() {}
        assert_eq!(reader.read, [0, 490]);
        reader.knows(600);
        reader.waits(100);
        while reader.reads() {}
        assert_eq!(reader.read[2..], [980, 1_470, 1_960, 1_990, 2_000, 0]);
        reader.knows(100);
    }

    #[test]
    fn who_comes_while_a_page_is_under_way_begins_behind_it() {
        let mut reader = Reader::of(600);
        reader.waits(7_000);
        let called_at = reader.now();
        let page = reader.page(0);
        let asked = reader.board.ask(&authorizer(3), Timestamp::UNIX_EPOCH, at(5));
        assert_eq!(asked, Asked::Waits { places: 0 }, "the length is not known yet");
        reader.board.take(page, called_at, at(6));
        let asked = reader.board.ask(&authorizer(3), Timestamp::UNIX_EPOCH, at(6));
        assert_eq!(asked, Asked::Waits { places: 600 }, "what was read before it came is no answer");
    }

    #[test]
    fn answers_are_kept_for_a_while_once_and_only_if_nothing_newer_happened() {
        let answered = |newer_than, asked_at| {
            let mut reader = Reader::of(10);
            reader.waits(3);
            assert!(reader.reads());
            reader.board.next(asked_at);
            let first = reader.board.ask(&authorizer(3), newer_than, asked_at);
            let second = reader.board.ask(&authorizer(3), newer_than, asked_at);
            assert!(matches!(second, Asked::Waits { .. }), "an answer is given once: {second:?}");
            matches!(first, Asked::Answered(Listing::Found(_)))
        };
        for (newer_than, asked_at, expected) in
            [(at(0), at(1), true), (at(0), at(599), true), (at(0), at(600), false), (at(1), at(2), false)]
        {
            assert_eq!(answered(newer_than, asked_at), expected, "{newer_than} {asked_at}");
        }
    }

    #[test]
    fn who_does_not_ask_again_is_forgotten_and_nothing_grows_without_limit() {
        let mut reader = Reader::of(10);
        for place in 0..ENTRIES_MAX as u64 {
            reader.waits(100 + place);
        }
        assert_eq!(reader.ask(99), Asked::Full);
        reader.waits(100);
        assert_eq!(reader.board.next(at(599)), Some(0));
        assert_eq!(reader.board.next(at(600)), None, "nobody has asked for ten minutes");
        reader.waits(99);
    }

    #[test]
    fn unreadable_entries_make_unknown_of_not_found_for_those_who_have_seen_them() {
        let mut reader = Reader::of(600);
        reader.waits(7_000);
        let mut page = reader.page(0);
        page.list.remove(9);
        page.unreadable = 1;
        reader.board.take(page, at(1), at(1));
        reader.read.push(0);
        reader.waits(8_000); // joins behind that page, and meets a whole one in the next round
        while reader.reads() {}
        assert_eq!(reader.ask(7_000), Asked::Answered(Listing::Unknown));
        reader.knows(8_000);
    }
}
