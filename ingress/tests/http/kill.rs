//! The process is killed at each point of a callback's way; what was answered must be there afterwards, and take effect.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use mandate_ingress::journal::JournalFile;
use tempfile::TempDir;

use crate::support::{Ingress, LONG, Sealed};

const SIGABRT: i32 = 6;
const FOLDER: &str = "INGRESS_TEST_FOLDER";

/// What a kill left behind.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    /// Body of the answer that the caller got.
    answer: String,
    /// Callbacks that wait in the journal.
    waiting: u64,
    /// Callbacks that were settled.
    settled: u64,
}

/// Serves the journal of `folder` in a process of its own that dies at `point`, and sends it one push.
fn killed_at(folder: &Path, point: &str) -> Left {
    let mut child = start(folder, point);
    let mut connection = TcpStream::connect(address(&mut child)).expect("connected");
    connection.set_read_timeout(Some(LONG)).expect("a limit");
    let (push, mut answer) = (Sealed::event(1), String::new());
    let length = push.body.len();
    let head = format!("POST {} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n", push.target);
    connection.write_all((head + &push.body).as_bytes()).expect("sent");
    // The process dies, so the end may be a reset.
    let _ = connection.read_to_string(&mut answer);
    let status = child.wait().expect("it ended");
    assert_eq!(status.signal(), Some(SIGABRT), "{point}: {status}");
    let left = JournalFile::open(&folder.join("journal.db")).expect("opens").status().expect("readable");
    Left {
        answer: answer.rsplit("\r\n").next().unwrap_or_default().to_owned(),
        waiting: left.waiting.unsettled(),
        settled: left.settled_kept.rows,
    }
}

fn start(folder: &Path, point: &str) -> Child {
    Command::new(std::env::current_exe().expect("a test has an executable"))
        .args(["--exact", "kill::serves_until_it_is_killed", "--ignored", "--nocapture"])
        .env("MANDATE_FAILPOINT", format!("{point}:1"))
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary starts")
}

/// The address that the child prints.
fn address(child: &mut Child) -> String {
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut lines = output.lines().map(|line| line.expect("text"));
    let found =
        lines.find_map(|line| line.split_once("listening on ").map(|(_, address)| address.to_owned()));
    found.expect("it says where it listens")
}

#[tokio::test]
#[ignore = "it is the child process of the tests below"]
async fn serves_until_it_is_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a folder"));
    let ingress = Ingress::start_with(|settings| settings.journal = folder.join("journal.db")).await;
    println!("listening on {}", ingress.running.listen);
    ingress.stop.requested().await;
}

/// A new process hands over what the killed one left.
async fn assert_recovered(folder: TempDir) {
    let ingress = Ingress::start_in(folder, |_| ()).await;
    ingress.push(&Sealed::event(1)).await.assert_success();
    assert_eq!(ingress.place.until_taken(1).await.len(), 1);
}

async fn kill(point: &'static str) -> (Left, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().to_owned();
    let left = tokio::task::spawn_blocking(move || killed_at(&path, point)).await.expect("no panic");
    (left, folder)
}

#[tokio::test]
async fn killed_before_the_commit_nothing_was_answered_and_nothing_is_there() {
    let (left, folder) = kill("journal.before_commit").await;
    assert_eq!(left, Left { answer: String::new(), waiting: 0, settled: 0 });
    assert_recovered(folder).await;
}

#[tokio::test]
async fn killed_after_the_commit_it_is_there_though_nothing_was_answered() {
    let (left, folder) = kill("journal.after_commit").await;
    assert_eq!(left, Left { answer: String::new(), waiting: 1, settled: 0 });
    assert_recovered(folder).await;
}

#[tokio::test]
async fn killed_once_it_was_answered_it_is_there() {
    let (left, _folder) = kill("ingress.answered").await;
    assert_eq!((left.answer.as_str(), left.waiting + left.settled), ("success", 1));
}

#[tokio::test]
async fn killed_before_the_hand_over_it_is_handed_over_by_the_next_process() {
    let (left, folder) = kill("relay.before_accept").await;
    assert_eq!((left.waiting, left.settled), (1, 0));
    assert_recovered(folder).await;
}

#[tokio::test]
async fn killed_before_the_hand_over_was_noted_it_is_handed_over_again() {
    let (left, folder) = kill("relay.before_settle").await;
    assert_eq!((left.waiting, left.settled), (1, 0));
    assert_recovered(folder).await;
}
