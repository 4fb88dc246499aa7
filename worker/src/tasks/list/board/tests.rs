//! The board beside a list that is read page by page.

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

    fn ask(&mut self, place: u64) -> BoardAnswer {
        self.board.ask(&authorizer(place), Timestamp::UNIX_EPOCH, self.now())
    }

    #[track_caller]
    fn waits(&mut self, place: u64) {
        let asked = self.ask(place);
        assert!(matches!(asked, BoardAnswer::Waits { .. }), "{place}: {asked:?}");
    }

    /// A page that is read ends a pause.
    #[track_caller]
    fn waits_after_a_page(&mut self, place: u64) {
        assert!(self.reads());
        self.waits(place);
    }

    #[track_caller]
    fn knows(&mut self, place: u64) {
        match self.ask(place) {
            BoardAnswer::Answered(Listing::Found(listed)) => {
                assert_eq!(listed.authorizer_appid, authorizer(place));
            }
            BoardAnswer::Answered(Listing::NotFound) => assert!(place >= self.length, "{place} is listed"),
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

    /// Reads the next page; `false`: there are no waiters.
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

/// No joiner makes it read a page a third time, whenever it joins in the first round.
#[test]
fn all_who_join_in_the_first_round_are_answered_within_the_second() {
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
fn a_scan_without_waiters_goes_on_where_it_was() {
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
    assert_eq!(asked, BoardAnswer::Waits { places: 0 }, "the length is not known yet");
    reader.board.take(page, called_at, at(6));
    let asked = reader.board.ask(&authorizer(3), Timestamp::UNIX_EPOCH, at(6));
    assert_eq!(asked, BoardAnswer::Waits { places: 600 }, "what was read before it came is no answer");
}

#[test]
fn an_answer_is_kept_for_a_while_however_often_it_is_given_unless_something_newer_happened() {
    let answered = |newer_than, asked_at, is_idle: bool| {
        let mut reader = Reader::of(10);
        reader.waits(3);
        assert!(reader.reads());
        if !is_idle {
            reader.board.next(asked_at);
        }
        let asked = [(); 3].map(|()| reader.board.ask(&authorizer(3), newer_than, asked_at));
        assert!(asked.iter().all(|other| *other == asked[0]), "{asked:?}");
        matches!(asked[0], BoardAnswer::Answered(Listing::Found(_)))
    };
    for is_idle in [true, false] {
        for (newer_than, asked_at, expected) in
            [(at(0), at(1), true), (at(0), at(599), true), (at(0), at(600), false), (at(1), at(2), false)]
        {
            assert_eq!(answered(newer_than, asked_at, is_idle), expected, "{newer_than} {asked_at}");
        }
    }
}

#[test]
fn an_answer_that_is_overtaken_is_not_given_again_to_anyone() {
    let mut reader = Reader::of(10);
    reader.waits(3);
    assert!(reader.reads());
    reader.knows(3);
    for newer_than in [at(1), at(0)] {
        let asked = reader.board.ask(&authorizer(3), newer_than, at(2));
        assert!(matches!(asked, BoardAnswer::Waits { .. }), "{newer_than}: {asked:?}");
    }
}

#[test]
fn answers_that_were_given_make_room_and_those_that_were_not_stay() {
    let length = ENTRIES_MAX as u64;
    let mut reader = Reader::of(length);
    (0..length).for_each(|place| reader.waits(place));
    while reader.reads() {}
    reader.knows(7);
    reader.waits(length); // in the place of the one that was given
    assert_eq!(reader.ask(length + 1), BoardAnswer::Full);
    reader.knows(8);
    reader.waits(7);
}

#[test]
fn the_lead_stays_where_an_answer_is_expected_to_be_fetched() {
    let mut reader = Reader::of(10);
    assert!(!reader.board.has_expected_answers(at(0)));
    for place in [3, 4, 70] {
        reader.waits(place);
    }
    while reader.reads() {}
    for place in [3, 4, 70] {
        assert!(reader.board.has_expected_answers(at(1)), "{place}");
        reader.knows(place);
    }
    assert!(!reader.board.has_expected_answers(at(1)), "all were given");
    reader.waits(99);
    while reader.reads() {}
    assert!(reader.board.has_expected_answers(at(119)));
    assert!(!reader.board.has_expected_answers(at(121)), "its task has another end");
}

#[test]
fn while_another_worker_scans_what_is_known_is_answered_and_no_authorizer_is_looked_for() {
    let mut reader = Reader::of(600);
    reader.waits(3);
    reader.waits(7_000);
    assert!(reader.reads());
    reader.board.lead_is_elsewhere();
    reader.knows(3);
    assert_eq!(reader.ask(7_000), BoardAnswer::Elsewhere);
    assert_eq!(reader.ask(8_000), BoardAnswer::Elsewhere);
    assert!(!reader.reads(), "the other worker knows who waits");
    reader.board.lead_may_be_here();
    assert!(!reader.reads());
    reader.waits(7_000);
    assert!(reader.reads());
}

#[test]
fn in_a_pause_what_is_known_is_answered_and_the_others_learn_when_it_is_over() {
    let mut reader = Reader::of(600);
    reader.waits(3);
    assert!(reader.reads());
    let pause = ListPause { not_before: at(60), reason: "quota_spent", detail: "45009".to_owned() };
    reader.board.pause(pause.clone());
    reader.knows(3);
    assert_eq!(reader.ask(7_000), BoardAnswer::Paused(pause.clone()));
    let asked = reader.board.ask(&authorizer(7_000), Timestamp::UNIX_EPOCH, at(59));
    assert_eq!(asked, BoardAnswer::Paused(pause));
    let asked = reader.board.ask(&authorizer(7_000), Timestamp::UNIX_EPOCH, at(60));
    assert!(matches!(asked, BoardAnswer::Waits { .. }), "{asked:?}");
    reader.waits_after_a_page(8_000);
}

#[test]
fn who_does_not_ask_again_is_forgotten_and_nothing_grows_without_limit() {
    let mut reader = Reader::of(10);
    for place in 0..ENTRIES_MAX as u64 {
        reader.waits(100 + place);
    }
    assert_eq!(reader.ask(99), BoardAnswer::Full);
    reader.waits(100);
    assert_eq!(reader.board.next(at(599)), Some(0));
    assert_eq!(reader.board.next(at(600)), None, "the last question is ten minutes old");
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
    assert_eq!(reader.ask(7_000), BoardAnswer::Answered(Listing::Unknown));
    reader.knows(8_000);
}

/// One page of ten entries, of which one cannot be read, since `now`; answers what is then said about place 7,000.
fn absent_with_an_unreadable_entry(board: &mut Board, newer_than: Timestamp, now: Timestamp) -> Listing {
    let full = Reader::of(10);
    for _ in 0..4 {
        match board.ask(&authorizer(7_000), newer_than, now) {
            BoardAnswer::Answered(listing) => return listing,
            BoardAnswer::Waits { .. } => {}
            other => panic!("{other:?}"),
        }
        let offset = board.next(now).unwrap();
        let mut page = full.page(offset);
        page.unreadable = page.list.pop().into_iter().count();
        board.take(page, now, now);
    }
    panic!("no answer after a round");
}

#[test]
fn an_entry_that_stays_unreadable_leaves_the_others_in_doubt_for_two_rounds_an_hour_apart() {
    let hour = 3_600;
    let mut board = Board::default();
    let mut said = |newer_than, now| absent_with_an_unreadable_entry(&mut board, at(newer_than), at(now));
    assert_eq!(said(0, 0), Listing::Unknown);
    for now in [700, 1_800, 3_599] {
        assert_eq!(said(0, now - 1), Listing::Unknown, "{now}");
    }
    assert_eq!(said(0, 2 * hour), Listing::NotFound);
    assert_eq!(said(0, 3 * hour), Listing::NotFound, "the next task need not wait for an hour");
    // An event since then begins this again, and so does a day.
    assert_eq!(said(4 * hour, 4 * hour), Listing::Unknown);
    assert_eq!(said(4 * hour, 5 * hour), Listing::NotFound);
    assert_eq!(said(4 * hour, 29 * hour), Listing::Unknown);
}

#[test]
fn a_round_that_can_be_read_ends_the_doubt() {
    let mut board = Board::default();
    let mut said = |now| absent_with_an_unreadable_entry(&mut board, at(0), at(now));
    assert_eq!(said(0), Listing::Unknown);
    let mut reader = Reader { board, length: 10, read: Vec::new() };
    let asked = reader.board.ask(&authorizer(7_000), at(0), at(1_000));
    assert!(matches!(asked, BoardAnswer::Waits { .. }), "{asked:?}");
    while let Some(offset) = reader.board.next(at(1_000)) {
        let page = reader.page(offset);
        reader.board.take(page, at(1_000), at(1_000));
    }
    let asked = reader.board.ask(&authorizer(7_000), at(0), at(1_001));
    assert_eq!(asked, BoardAnswer::Answered(Listing::NotFound));
    let Reader { mut board, .. } = reader;
    assert_eq!(absent_with_an_unreadable_entry(&mut board, at(0), at(8_000)), Listing::Unknown);
}
