//! Room on the disk that is given up when it is needed to make more.
//!
//! A journal on a full disk cannot even forget: dropping texts is a write too, and so is copying the write-ahead log into
//! the file. A file beside the journal keeps the room for that. It is deleted when the disk is full, and made
//! again once there is room.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::{fs::FallocateFlags, io::Errno};
use tracing::{info, warn};

use super::file;

/// How long a reserve that could not be written is not tried again.
const RETRY_EVERY: Duration = Duration::from_secs(10);

/// The file beside the journal.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
    failed: Option<Instant>,
}

impl Reserve {
    /// The reserve of a journal, as an earlier process may have left it.
    pub(super) fn new(journal: &Path, bytes: u64) -> Self {
        Self { path: file::beside(journal, ".reserve"), bytes, held: false, failed: None }
    }

    /// Writes the file if it is not there in its full size. One that cannot be written now is tried again later: the
    /// journal is served without it.
    pub(super) fn hold(&mut self) {
        let tried = self.failed.is_some_and(|failed| failed.elapsed() < RETRY_EVERY);
        if self.held || self.bytes == 0 || tried {
            return;
        }
        match self.fill() {
            Ok(()) => (self.held, self.failed) = (true, None),
            Err(error) => {
                warn!(%error, "no room for the journal's reserve {}: {error}", self.path.display());
                self.remove();
                self.failed = Some(Instant::now());
            }
        }
    }

    /// Gives its room back to the disk; says whether there was any.
    pub(super) fn release(&mut self) -> bool {
        let released = self.remove();
        if released {
            info!(bytes = self.bytes, "gave up the journal's reserve: the disk is full");
        }
        self.held = false;
        released
    }

    /// Room that is really set aside: a length alone takes none. Where the file system cannot do so without writing, zeros
    /// are written.
    fn fill(&self) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|found| found.len() == self.bytes) {
            return Ok(());
        }
        self.remove();
        let mut file = file::private_file(&self.path)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                io::copy(&mut io::repeat(0).take(self.bytes), &mut file)?;
            }
            result => result?,
        }
        // Not flushed: what a loss of power cut short is made again.
        Ok(())
    }

    /// Whether there was a file and is none any more.
    fn remove(&self) -> bool {
        match fs::remove_file(&self.path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                warn!(%error, "cannot delete the journal's reserve {}: {error}", self.path.display());
                false
            }
        }
    }
}
