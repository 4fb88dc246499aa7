//! Named points at which a test can kill the process.
//!
//! A kill test starts a debug build with `MANDATE_FAILPOINT=name:n`: the process dies at the `n`-th passage of the point
//! `name`, without running destructors or flushing anything. Release builds compile a point to nothing and do not read the
//! variable.

/// Marks that a named point is passed, for example `failpoint::reached("journal.after_commit")`.
///
/// In a debug build that was told so by `MANDATE_FAILPOINT`, it does not return: the process aborts.
#[inline]
pub fn reached(name: &str) {
    #[cfg(debug_assertions)]
    armed::reached(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };

    /// The point at which this process is to die.
    pub(super) struct Armed {
        name: String,
        /// Passages that are still survived.
        left: AtomicU64,
    }

    impl Armed {
        /// Reads `name:n`; `name` alone means the first passage. `None` if `n` is not a number from 1.
        pub(super) fn parse(text: &str) -> Option<Self> {
            let (name, passage) = match text.rsplit_once(':') {
                Some((name, number)) => (name, number.parse().ok().filter(|n: &u64| *n > 0)?),
                None => (text, 1),
            };
            Some(Self { name: name.to_owned(), left: AtomicU64::new(passage - 1) })
        }

        /// Whether this passage of `name` is the one to die at.
        pub(super) fn dies_at(&self, name: &str) -> bool {
            if name != self.name {
                return false;
            }
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
        }
    }

    pub(super) fn reached(name: &str) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let armed = ARMED.get_or_init(|| {
            let text = std::env::var("MANDATE_FAILPOINT").ok()?;
            let armed = Armed::parse(&text);
            if armed.is_none() {
                tracing::error!("MANDATE_FAILPOINT must be name:n with n from 1; no failpoint is armed");
            }
            armed
        });
        if armed.as_ref().is_some_and(|armed| armed.dies_at(name)) {
            std::process::abort();
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::Command};

    use super::{armed::Armed, reached};

    const SIGABRT: i32 = 6;

    #[test]
    fn only_the_named_passage_of_the_named_point_is_fatal() {
        let armed = Armed::parse("journal.after_commit:3").expect("valid");
        let passages =
            ["journal.after_commit", "relay.before_settle", "journal.after_commit", "journal.after_commit"];
        assert_eq!(passages.map(|name| armed.dies_at(name)), [false, false, false, true]);
    }

    #[test]
    fn a_name_alone_means_its_first_passage_and_nonsense_arms_nothing() {
        assert!(Armed::parse("relay.before_settle").expect("valid").dies_at("relay.before_settle"));
        assert!(Armed::parse("relay.before_settle:0").is_none());
        assert!(Armed::parse("relay.before_settle:soon").is_none());
    }

    #[test]
    fn the_process_dies_at_the_armed_passage() {
        let child = Command::new(std::env::current_exe().expect("a test has an executable"))
            .args(["--exact", "failpoint::tests::passes_the_point_four_times", "--ignored", "--nocapture"])
            .env("MANDATE_FAILPOINT", "test.point:3")
            .output()
            .expect("the test binary starts");
        assert_eq!(child.status.signal(), Some(SIGABRT));
        let printed = String::from_utf8_lossy(&child.stdout);
        assert!(printed.contains("passed 2") && !printed.contains("passed 3"), "{printed}");
    }

    #[test]
    #[ignore = "it is the child process of the test above"]
    fn passes_the_point_four_times() {
        for passage in 1..=4 {
            reached("test.point");
            println!("passed {passage}");
        }
    }
}
