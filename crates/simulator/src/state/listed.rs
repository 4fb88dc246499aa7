//! Who is in a platform's list, so that a page of it costs no more than its own entries.

use mandate_schema::AuthorizerId;

/// The authorizers whose authorization holds, in order of their appids.
#[derive(Default)]
pub(crate) struct Listed {
    ids: Vec<AuthorizerId>,
    /// Pages that were read so far.
    reads: usize,
}

impl Listed {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Adds one, unless it is there.
    pub(crate) fn add(&mut self, authorizer: &AuthorizerId) {
        if let Err(place) = self.ids.binary_search(authorizer) {
            self.ids.insert(place, authorizer.clone());
        }
    }

    /// Adds many that are not there.
    pub(crate) fn add_all(&mut self, authorizers: impl IntoIterator<Item = AuthorizerId>) {
        self.ids.extend(authorizers);
        self.ids.sort_unstable();
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, authorizer: &AuthorizerId) {
        if let Ok(place) = self.ids.binary_search(authorizer) {
            self.ids.remove(place);
        }
    }

    /// A page. Each page before it has moved the list on by so many places, and its head to its end.
    pub(crate) fn page(&mut self, offset: usize, count: usize, shift: usize) -> Vec<AuthorizerId> {
        let (length, moved) = (self.ids.len(), self.reads * shift);
        self.reads += 1;
        let places = offset.min(length)..offset.saturating_add(count).min(length);
        places.map(|place| self.ids[(place + moved) % length].clone()).collect()
    }
}
