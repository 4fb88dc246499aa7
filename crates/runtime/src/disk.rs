//! What the disk of a file has left.

use std::{io, path::Path};

/// Bytes that this process may still write to the file system of a folder.
///
/// # Errors
///
/// The folder is not there or cannot be looked at.
pub fn free(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// The user that this process runs as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}
