//! Bounds of what is parked. Whoever has captured one message can send it to the message URL of any appid, again and again.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use mandate_runtime::throttle;
use mandate_schema::CallbackId;

/// Appids under which one message is parked. It belongs to one; that many are invented.
const APPIDS_MAX: u32 = 16;

/// Messages whose appids are counted; beyond that all are forgotten.
const CONTENTS_MAX: usize = 10_000;

/// Parked messages of one sender that are kept; older ones give way.
pub(super) const SENDER_ROWS: usize = 1_000;

/// Where a push of the message URL came from, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who sent it. `None`: nobody whose messages are bounded apart from those of others.
    pub address: Option<IpAddr>,
    /// The same for the same message, whatever appid stands in its URL.
    pub content: CallbackId,
}

impl Origin {
    /// Column `parked_from`.
    pub(super) fn sender(&self) -> Option<String> {
        self.address.map(|address| throttle::network(address).to_string())
    }
}

/// What was parked lately.
#[derive(Debug, Default)]
pub(super) struct Parking {
    appids: HashMap<CallbackId, u32>,
    senders: BTreeSet<String>,
    grown: bool,
}

impl Parking {
    /// Whether a message is parked under one more appid. If not, it is there under many already and need not be stored once more.
    pub(super) fn admits(&mut self, origin: &Origin) -> bool {
        if self.appids.len() >= CONTENTS_MAX && !self.appids.contains_key(&origin.content) {
            self.appids.clear();
        }
        let appids = self.appids.entry(origin.content).or_default();
        if *appids >= APPIDS_MAX {
            return false;
        }
        *appids += 1;
        self.senders.extend(origin.sender());
        self.grown = true;
        true
    }

    /// Whether there may be too much.
    pub(super) fn has_grown(&self) -> bool {
        self.grown
    }

    /// Nothing is too much, until something more is parked.
    pub(super) fn is_bounded(&mut self) {
        self.grown = false;
    }

    /// Those who had something parked since the last call.
    pub(super) fn take_senders(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.senders)
    }
}
