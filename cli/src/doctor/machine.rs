//! Disk, rights of files, open files.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use mandate_runtime::{
    config::{Config, Loaded, Origin, StorageUrl},
    disk, open_files,
};

use super::Finding;
use crate::role::Role;

/// Bytes left on a disk below which the next burst of callbacks may not fit.
const DISK_LEAST: u64 = 64 << 20;
/// Bytes left below which it is time to look.
const DISK_LOW: u64 = 1 << 30;
/// Files that a process with thousands of connections has open.
const FILES_WANTED: u64 = 4_096;
/// Rights of others than the owner.
const OTHERS: u32 = 0o077;

pub(super) fn examine(config: &Config, role: Role, loaded: &Loaded) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, settings) in folders(config, role) {
        findings.push(disk_of(&folder, &settings));
        findings.push(rights_of_folder(&folder, &settings));
    }
    findings.extend(rights_of_files(config, role, loaded));
    findings.push(files(open_files::limit()));
    findings
}

/// The folders that are written to, with the settings that name them.
fn folders(config: &Config, role: Role) -> BTreeMap<PathBuf, String> {
    let mut folders: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
    for (file, setting) in data_files(config, role) {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        folders.entry(folder).or_default().push(setting);
    }
    folders.into_iter().map(|(folder, settings)| (folder, settings.join(", "))).collect()
}

fn data_files(config: &Config, role: Role) -> Vec<(&Path, &'static str)> {
    let mut files = Vec::new();
    if role.has_ingress() {
        files.push((config.ingress.journal.as_path(), "ingress.journal"));
    }
    if role.has_worker()
        && let StorageUrl::Sqlite(path) = &config.storage.url
    {
        files.push((path.as_path(), "storage.url"));
    }
    files
}

/// The folder, or the nearest one above it that is there.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("."))
}

fn disk_of(folder: &Path, settings: &str) -> Finding {
    const CHECK: &str = "disk";
    let shown = folder.display();
    match disk::free(nearest(folder)) {
        Ok(free) if free < DISK_LEAST => Finding::failed(
            CHECK,
            format!("{shown} ({settings}) has {} MiB left", free >> 20),
            "Free space, or move the folder: callbacks are refused when the journal cannot grow.",
        ),
        Ok(free) if free < DISK_LOW => Finding::warning(
            CHECK,
            format!("{shown} ({settings}) has {} MiB left", free >> 20),
            "Free space soon: less than 1 GiB is left.",
        ),
        Ok(free) => Finding::ok(CHECK, format!("{shown} ({settings}) has {} GiB left", free >> 30)),
        Err(error) => Finding::failed(CHECK, format!("{shown} ({settings}): {error}"), WRITABLE),
    }
}

const WRITABLE: &str = "Make the folder, and let the user of the service write to it: `chown USER FOLDER; chmod 700 FOLDER`. On a \
     read-only file system choose another folder.";

/// Whether a file can be made there. The file system says more than the rights do: it may be read-only.
fn rights_of_folder(folder: &Path, settings: &str) -> Finding {
    const CHECK: &str = "rights of files";
    let there = nearest(folder);
    match tempfile::tempfile_in(there) {
        Ok(_) => Finding::ok(CHECK, format!("{} ({settings}) is writable", folder.display())),
        Err(error) => {
            let found = format!("{} ({settings}) is not writable: {error}", folder.display());
            Finding::failed(CHECK, found, WRITABLE)
        }
    }
}

fn rights_of_files(config: &Config, role: Role, loaded: &Loaded) -> Vec<Finding> {
    const CHECK: &str = "rights of files";
    let data =
        data_files(config, role).into_iter().map(|(path, setting)| (path.to_owned(), setting.to_owned()));
    let secrets = loaded.origins.iter().filter_map(|value| match &value.origin {
        Origin::SecretFile { path } => Some((path.clone(), value.key.clone())),
        _ => None,
    });
    let mut findings = Vec::new();
    for (path, setting) in data.chain(secrets) {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let (mode, owner, user) = (metadata.permissions().mode() & 0o777, metadata.uid(), disk::user());
        let shown = path.display();
        if mode & OTHERS != 0 {
            findings.push(Finding::failed(
                CHECK,
                format!("{shown} ({setting}) has mode {mode:o}: other users of this machine can read it"),
                format!("chmod 600 {shown}"),
            ));
        } else if owner != user {
            findings.push(Finding::warning(
                CHECK,
                format!("{shown} ({setting}) belongs to user {owner}, and this command runs as user {user}"),
                "Run the service and its commands as one user.",
            ));
        }
    }
    findings
}

fn files(limit: u64) -> Finding {
    const CHECK: &str = "open files";
    if limit < FILES_WANTED {
        let cure = "Set LimitNOFILE=65536 in the unit of systemd, or `ulimit -n 65536` before the start.";
        return Finding::warning(CHECK, format!("{limit} files may be open at once"), cure);
    }
    Finding::ok(CHECK, format!("{limit} may be open at once"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_low_limit_of_open_files_is_named_with_its_cure() {
        assert_eq!(files(1_024).verdict, Verdict::Warning);
        assert_eq!(files(65_536).verdict, Verdict::Ok);
    }

    #[test]
    fn a_folder_on_a_read_only_file_system_is_not_writable() {
        let finding = rights_of_folder(Path::new("/proc/mandate"), "ingress.journal");
        assert_eq!(finding.verdict, Verdict::Failed, "{finding:?}");
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(rights_of_folder(folder.path(), "ingress.journal").verdict, Verdict::Ok);
    }
}
