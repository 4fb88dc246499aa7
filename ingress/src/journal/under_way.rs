//! What is being handed over, noted where the next process finds it if this one dies.
//!
//! A callback may be what ends the process that decides it: by the memory that it takes, say. So each hand-over is noted before
//! it begins and forgotten when it ends, and the next process counts a death for what it finds noted. The note is a file of
//! its own, and is not flushed: it must survive a process, not a loss of power, which is no callback's doing. So it costs
//! no commit.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use mandate_schema::PushKind;
use tracing::warn;

use super::{JournalError, Seq, file};

/// Bytes of a note: the first and the last place. Zeros for none.
const NOTE_BYTES: usize = 16;

/// The file beside the journal, with a note for each kind.
#[derive(Debug)]
pub(super) struct UnderWay {
    file: File,
    /// Whether the process goes on: a stop that takes too long is no callback's doing either.
    counting: AtomicBool,
    failed: AtomicBool,
    /// The hand-overs under way.
    ranges: Mutex<Vec<Range>>,
}

/// Callbacks of a kind that are handed over, or were when the last process died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) kind: PushKind,
    pub(super) first: Seq,
    pub(super) last: Seq,
}

impl UnderWay {
    pub(super) fn open(journal: &Path) -> Result<Self, JournalError> {
        let path = file::beside(journal, ".under-way");
        let file = file::private_file(&path).map_err(|source| JournalError::File { path, source })?;
        let (counting, failed, ranges) = (AtomicBool::new(true), AtomicBool::default(), Mutex::default());
        Ok(Self { file, counting, failed, ranges })
    }

    /// What the last process was handing over when it died.
    pub(super) fn left(&self) -> Vec<Range> {
        let left = |kind| self.read(kind).ok().flatten().map(|(first, last)| Range { kind, first, last });
        [PushKind::Event, PushKind::Message].into_iter().filter_map(left).collect()
    }

    /// Notes that callbacks are being handed over, in the order of their places.
    pub(super) fn begin(&self, kind: PushKind, seqs: &[Seq]) {
        self.change(kind, |ranges| ranges.extend(range(kind, seqs)));
    }

    /// Forgets those.
    pub(super) fn end(&self, kind: PushKind, seqs: &[Seq]) {
        let ended = range(kind, seqs);
        self.change(kind, |ranges| ranges.retain(|range| Some(*range) != ended));
    }

    /// Forgets all of a kind.
    pub(super) fn end_all(&self, kind: PushKind) {
        self.change(kind, |ranges| ranges.retain(|range| range.kind != kind));
    }

    /// Forgets all, and notes nothing any more.
    pub(super) fn stop(&self) {
        self.counting.store(false, Ordering::SeqCst);
        for kind in [PushKind::Event, PushKind::Message] {
            self.end_all(kind);
        }
    }

    /// The note has room for one range: from the first place under way to the last one.
    fn change(&self, kind: PushKind, change: impl FnOnce(&mut Vec<Range>)) {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut ranges);
        let of_kind = || ranges.iter().filter(|range| range.kind == kind);
        let first = of_kind().map(|range| range.first).min();
        let last = of_kind().map(|range| range.last).max();
        match first.zip(last).filter(|_| self.counting.load(Ordering::SeqCst)) {
            Some((first, last)) => self.note(kind, first.0, last.0),
            None => self.note(kind, 0, 0),
        }
    }

    /// A note that cannot be written holds nothing up.
    fn note(&self, kind: PushKind, first: i64, last: i64) {
        let mut note = [0; NOTE_BYTES];
        note[..8].copy_from_slice(&first.to_le_bytes());
        note[8..].copy_from_slice(&last.to_le_bytes());
        if let Err(error) = self.file.write_all_at(&note, offset(kind))
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            warn!(%error, "callbacks that end the process are not counted: {error}");
        }
    }

    fn read(&self, kind: PushKind) -> io::Result<Option<(Seq, Seq)>> {
        let mut note = [0; NOTE_BYTES];
        self.file.read_exact_at(&mut note, offset(kind))?;
        let [first, last] = [0, 8].map(|at| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&note[at..at + 8]);
            i64::from_le_bytes(bytes)
        });
        Ok((0 < first && first <= last).then_some((Seq(first), Seq(last))))
    }
}

fn range(kind: PushKind, seqs: &[Seq]) -> Option<Range> {
    Some(Range { kind, first: *seqs.first()?, last: *seqs.last()? })
}

fn offset(kind: PushKind) -> u64 {
    match kind {
        PushKind::Event => 0,
        PushKind::Message => NOTE_BYTES as u64,
    }
}
