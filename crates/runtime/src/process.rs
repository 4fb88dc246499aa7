//! What a process does first.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::open_files;

/// What every process does before it holds a secret: no core dump and no other process of the same user shows its memory. It may
/// have as many files open as the system allows.
///
/// # Errors
///
/// What the system refuses, with what follows.
pub fn prepare() -> Result<(), String> {
    let told = |what: &'static str| move |error| format!("{what}: {error}");
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(told("core dumps stay possible"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(told("the memory stays readable"))?;
    open_files::raise().map_err(|error| format!("the limit of open files stays as it is: {error}"))
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn nobody_sees_the_memory_of_a_process_that_is_prepared() {
        prepare().expect("nobody needs a right for that");
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
