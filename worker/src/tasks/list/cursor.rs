//! The way along the list.

use std::collections::HashSet;

use mandate_schema::AuthorizerId;
use mandate_wechat::api::{AuthorizerListReply, ListedAuthorizer};

/// How many entries of a page the next one names again, since the list may shift between them.
pub(crate) const OVERLAP: u64 = 10;

/// Where the next page begins, and whom the last one named.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    offset: u64,
    last: HashSet<AuthorizerId>,
}

impl Cursor {
    /// A way that goes on at this offset.
    pub(crate) fn at(offset: u64) -> Self {
        Self { offset, last: HashSet::new() }
    }

    /// Where the next page begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves on behind a page that was read at the offset; answers those of its entries that the page before did not name.
    /// `None`: the page is empty, the list ends here. What the list says about its own length ends nothing.
    pub(crate) fn take(&mut self, page: AuthorizerListReply) -> Option<Vec<ListedAuthorizer>> {
        let came = (page.list.len() + page.unreadable) as u64;
        if came == 0 {
            return None;
        }
        let named = page.list.iter().map(|listed| listed.authorizer_appid.clone()).collect();
        let last = std::mem::replace(&mut self.last, named);
        let mut new = page.list;
        new.retain(|listed| !last.contains(&listed.authorizer_appid));
        // A page that only repeats the end of the one before needs no third look.
        let overlap = if new.is_empty() { 0 } else { OVERLAP };
        self.offset += came.saturating_sub(overlap).max(1);
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> ListedAuthorizer {
        let authorizer_appid = format!("wx{number:016x}").parse().unwrap();
        ListedAuthorizer {
            authorizer_appid,
            refresh_token: None,
            refresh_token_is_damaged: false,
            auth_time: None,
        }
    }

    /// A page of the list `numbers`, as long as asked at most.
    fn page(numbers: &[u64], offset: u64, most: usize) -> AuthorizerListReply {
        let list: Vec<_> =
            numbers.iter().skip(usize::try_from(offset).unwrap()).take(most).copied().map(entry).collect();
        AuthorizerListReply { total_count: Some(numbers.len() as u64), list, unreadable: 0 }
    }

    /// Walks along a list whose pages are no longer than `most`; answers the offsets, and the entries in the order they came.
    fn walk(length: u64, most: usize) -> (Vec<u64>, Vec<ListedAuthorizer>) {
        let numbers: Vec<u64> = (0..length).collect();
        let (mut cursor, mut offsets, mut seen) = (Cursor::default(), Vec::new(), Vec::new());
        loop {
            offsets.push(cursor.offset());
            match cursor.take(page(&numbers, cursor.offset(), most)) {
                Some(new) => seen.extend(new),
                None => return (offsets, seen),
            }
        }
    }

    #[test]
    fn every_entry_comes_once_and_an_empty_page_ends_the_way() {
        for (length, most, offsets) in [
            (0, 500, vec![0]),
            (1, 500, vec![0, 1]),
            (5, 500, vec![0, 1, 5]),
            (500, 500, vec![0, 490, 500]),
            (600, 500, vec![0, 490, 590, 600]),
            (1_000, 500, vec![0, 490, 980, 990, 1_000]),
            (200, 100, vec![0, 90, 180, 190, 200]),
        ] {
            let (read, seen) = walk(length, most);
            assert_eq!(read, offsets, "{length} entries, pages of {most}");
            assert_eq!(seen, (0..length).map(entry).collect::<Vec<_>>(), "{length} entries, pages of {most}");
        }
    }

    #[test]
    fn pages_shorter_than_asked_and_shorter_than_the_overlap_lose_nothing() {
        for most in [1, 2, 9, 10, 11, 99] {
            let (_, seen) = walk(250, most);
            let mut numbers: Vec<_> = seen.into_iter().map(|listed| listed.authorizer_appid).collect();
            numbers.dedup();
            assert_eq!(numbers.len(), 250, "pages of {most}");
        }
    }

    #[test]
    fn a_list_that_shifts_by_the_overlap_between_pages_loses_nothing() {
        for shift in [1, 3, 10] {
            let mut numbers: Vec<u64> = (0..3_000).collect();
            let (mut cursor, mut seen) = (Cursor::default(), HashSet::new());
            while let Some(new) = cursor.take(page(&numbers, cursor.offset(), 500)) {
                seen.extend(new.into_iter().map(|listed| listed.authorizer_appid));
                numbers.drain(..shift);
            }
            let left =
                numbers.iter().filter(|number| !seen.contains(&entry(**number).authorizer_appid)).count();
            assert_eq!(left, 0, "{shift} entries at a time leave the list at its head");
        }
    }

    #[test]
    fn entries_that_cannot_be_read_take_their_place() {
        let mut cursor = Cursor::default();
        let unreadable = AuthorizerListReply { total_count: Some(600), list: Vec::new(), unreadable: 500 };
        assert_eq!(cursor.take(unreadable), Some(Vec::new()), "not the end");
        assert_eq!(cursor.offset(), 500);
        let some = AuthorizerListReply { unreadable: 3, ..page(&(0..600).collect::<Vec<_>>(), 500, 97) };
        assert_eq!(cursor.take(some).unwrap().len(), 97);
        assert_eq!(cursor.offset(), 590);
    }

    #[test]
    fn a_wrong_count_ends_nothing() {
        for total_count in [0, 1, 499, 500, u64::MAX] {
            let mut cursor = Cursor::default();
            let first = AuthorizerListReply {
                total_count: Some(total_count),
                ..page(&(0..900).collect::<Vec<_>>(), 0, 500)
            };
            assert_eq!(cursor.take(first).unwrap().len(), 500);
            let end = AuthorizerListReply { total_count: Some(total_count), list: Vec::new(), unreadable: 0 };
            assert_eq!(cursor.take(end), None, "{total_count}");
        }
    }
}
