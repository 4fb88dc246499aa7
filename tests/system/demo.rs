//! `mandate demo`, as a newcomer runs it.

use std::process::{Command, Stdio};

use crate::world::process::{MANDATE, signal};

#[test]
fn the_demo_ends_with_everything_as_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("demo");
    let demo =
        || Command::new(MANDATE).args(["demo", "--exit", "--data-dir"]).arg(&data).output().expect("it runs");
    let done = demo();
    let (told, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{told}{errors}");
    for part in [
        "ticket received",
        "merchant authorized",
        "code redeemed",
        "permissions changed, gained [], lost [4]",
        "authorization revoked",
        "refresh token recovered",
        "http://127.0.0.1:",
        "Log and state are as expected.",
    ] {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
    assert_eq!(demo().status.code(), Some(4), "a folder with data is refused");

    let mandate = |arguments: &[&str]| {
        let done =
            Command::new(MANDATE).arg("--config").arg(data.join("mandate.toml")).args(arguments).output();
        let done = done.expect("it runs");
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("UTF-8")
    };
    assert_eq!(mandate(&["authorizers", "list"]).lines().count(), 6, "a header and five merchants");
    assert!(mandate(&["rebuild", "--check"]).contains("the live state equals the log"));
    assert!(mandate(&["config", "check"]).contains("good"));
}

#[test]
fn the_demo_stays_up_until_it_is_interrupted_and_removes_its_temporary_folder() {
    let mut child = Command::new(MANDATE)
        .arg("demo")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut folder = None;
    for line in std::io::BufRead::lines(out) {
        let line = line.expect("text");
        if let Some((_, path)) = line.split_once("data in ") {
            folder = Some(std::path::PathBuf::from(path));
        }
        if line == "Ctrl-C ends it." {
            break;
        }
    }
    signal(child.id(), "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(!folder.expect("it says where its data is").exists());
}
