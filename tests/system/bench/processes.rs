//! Processor time of processes with all their children, from `/proc`.

use std::collections::HashMap;

/// Ticks of `/proc` per second: the same on every Linux that we know.
const TICKS: f64 = 100.0;

/// What `/proc/PID/stat` says of one process.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    parent: u32,
    /// Ticks of its own, and of children that have ended.
    ticks: u64,
}

/// Processor time so far of a process and everything below it, in seconds.
pub(super) fn seconds(root: u32) -> f64 {
    let folders = std::fs::read_dir("/proc").expect("Linux");
    let ids = folders.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let stat = |id: u32| Some((id, parse(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?));
    let ticks = below(root, &ids.filter_map(stat).collect());
    f64::from(u32::try_from(ticks).expect("less than a year")) / TICKS
}

/// The ticks of a process and of everything below it.
fn below(root: u32, all: &HashMap<u32, Stat>) -> u64 {
    let own = all.get(&root).map_or(0, |stat| stat.ticks);
    let children = all.iter().filter(|(id, stat)| stat.parent == root && **id != root);
    own + children.map(|(id, _)| below(*id, all)).sum::<u64>()
}

/// The name may hold blanks and brackets; the fields are behind its last bracket.
fn parse(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>());
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks: ticks.sum::<Result<_, _>>().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let text = "42 (a (b) c) S 7 42 42 0 -1 4194304 10 20 30 40 100 20 3 1 20 0 9 0 123 456";
        assert_eq!(parse(text), Some(Stat { parent: 7, ticks: 124 }));
    }

    #[test]
    fn children_and_their_children_count() {
        let stat = |parent, ticks| Stat { parent, ticks };
        let all = HashMap::from([(1, stat(0, 1)), (2, stat(1, 10)), (3, stat(2, 100)), (4, stat(9, 1_000))]);
        assert_eq!(below(1, &all), 111);
    }
}
