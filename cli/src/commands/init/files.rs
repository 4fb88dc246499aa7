//! Files of secrets: for their owner alone, and whole or not there.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::exit::CliError;

/// The folder of one process.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, unless it is there.
    pub(super) fn create(path: &Path) -> Result<Self, CliError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| CliError::Failed(anyhow::anyhow!("{}: {error}", path.display())))?;
        Ok(Self(path.to_owned()))
    }

    /// The file's text; made only if it is not there.
    pub(super) fn once(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, CliError> {
        match fs::read_to_string(self.0.join(name)) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = make();
                self.put(name, &text)?;
                Ok(text)
            }
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    /// Writes a file, or what it says now in the place of what it said. Whoever waits for it finds it whole.
    pub(super) fn put(&self, name: &str, text: &str) -> Result<(), CliError> {
        let (path, half) = (self.0.join(name), self.0.join(format!(".{name}")));
        let written = || {
            match fs::remove_file(&half) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {} // a run that was interrupted has left it, and nobody may write to it
            }
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&half)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&half, &path)?;
            fs::File::open(&self.0)?.sync_all()
        };
        written().map_err(|error| self.failed(name, &error))
    }

    fn failed(&self, name: &str, error: &std::io::Error) -> CliError {
        CliError::Failed(anyhow::anyhow!("{}: {error}", self.0.join(name).display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::create(&temporary.path().join("worker")).expect("made");
        assert_eq!(folder.once("key", || "first".into()).expect("made"), "first");
        assert_eq!(folder.once("key", || panic!("made again")).expect("read"), "first");
        let mode =
            |path: &str| fs::metadata(temporary.path().join(path)).expect("there").permissions().mode();
        assert_eq!((mode("worker") & 0o777, mode("worker/key") & 0o777), (0o700, 0o400));
        fs::write(temporary.path().join("worker/.key"), "half").expect("left by a run that was interrupted");
        folder.put("key", "second").expect("replaced, although nobody may write to it");
        assert_eq!(folder.once("key", || panic!("made again")).expect("read"), "second");
    }
}
