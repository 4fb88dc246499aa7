//! How many files the process may have open, connections included.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is left for journal, database, broker and calls, at least.
const RESERVE_MIN: u64 = 256;

/// Raises the limit of open files to what the system allows: services are started with 1,024, whatever the machine can do.
///
/// # Errors
///
/// The system refuses; the limit stays as it was.
pub fn raise() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Ok(());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

/// How many there may be now.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many of them may be connections: an eighth stays for everything else.
pub(crate) fn for_connections(limit: u64) -> usize {
    let left = limit.saturating_sub((limit / 8).max(RESERVE_MIN));
    usize::try_from(left).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_is_kept_back() {
        for (limit, left) in [(20_000, 17_500), (4_096, 3_584), (1_024, 768), (256, 0), (0, 0)] {
            assert_eq!(for_connections(limit), left, "{limit}");
        }
    }

    #[test]
    fn the_limit_is_raised_as_far_as_the_system_allows() {
        raise().expect("nobody needs a right to raise it to the hard limit");
        assert_eq!(Some(limit()), getrlimit(Resource::Nofile).maximum.or(Some(u64::MAX)));
    }
}
