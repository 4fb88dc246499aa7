//! Child processes: started with their output in a file, ended by their id, never left behind.

use std::{
    fs::OpenOptions,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::settings::Options;

/// The binary under test.
pub(crate) const MANDATE: &str = env!("CARGO_BIN_EXE_mandate");

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

/// A running `mandate`.
pub(crate) struct Service {
    child: Child,
}

impl Service {
    /// The service: one process, or two.
    pub(super) fn start(folder: &Path, options: &Options, environment: &[(&str, &str)]) -> Vec<Self> {
        options.write(folder);
        let commands: &[&[&str]] = match options.servers {
            None => &[&["standalone"]],
            Some(_) => &[&["ingress"], &["worker", "--migrate"]],
        };
        let start = |command: &&[&str]| {
            let mut process = match options.limits {
                None => Command::new(MANDATE),
                Some(limits) => {
                    let mut limited = Command::new("prlimit");
                    limited.args([limits, MANDATE]);
                    limited
                }
            };
            process.args(["--config", "mandate.toml"]).args(*command).current_dir(folder);
            Self::run(process.envs(environment.iter().copied()), &folder.join("service.log"))
        };
        commands.iter().map(start).collect()
    }

    pub(super) fn simulator(folder: &Path, options: &Options) -> Self {
        options.write(folder);
        Self::spawn(folder, &["simulator"], "simulator.log", &[])
    }

    pub(crate) fn spawn(folder: &Path, command: &[&str], log: &str, environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(MANDATE);
        process.arg("--config").arg(folder.join("mandate.toml")).args(command).current_dir(folder);
        Self::run(process.envs(environment.iter().copied()), &folder.join(log))
    }

    /// Any command, its output at the end of `log`.
    pub(crate) fn run(command: &mut Command, log: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log).expect("a log file");
        let command =
            command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        Self { child: command.spawn().expect("the binary starts") }
    }

    /// Resident memory now and at most so far, in MB.
    pub(super) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let kilobytes = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        (kilobytes("VmRSS:") / 1_000, kilobytes("VmHWM:") / 1_000)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        signal(self.child.id(), "TERM");
    }

    /// SIGKILL, then waits.
    pub(crate) async fn kill(mut self) {
        self.child.kill().ok(); // it may be dead already
        self.wait().await;
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    /// Waits until it has ended.
    pub(crate) async fn wait(mut self) -> Ended {
        let deadline = Instant::now() + super::PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return ended(status);
            }
            assert!(Instant::now() < deadline, "the process does not end");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may be dead already
        self.child.wait().ok();
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => panic!("ended without a code or a signal"),
    }
}

/// Sends a signal to a process that may have ended.
pub(super) fn signal_if_there(process: u32, name: &str) {
    Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill runs");
}

/// Sends a signal by process id.
pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill runs");
    assert!(status.success(), "kill -s {name} {process}");
}
