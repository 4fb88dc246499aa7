//! The names of reasons: why something is a dead letter, and why a task waits. Operators look them up with `mandate explain`.

/// Why a callback or a task is a dead letter.
pub const DEAD_LETTER_REASONS: [&str; 28] = [
    "answer_without_authorizer",
    "bad_base64",
    "bad_block_length",
    "bad_length",
    "bad_padding",
    "bad_signature",
    "bad_utf8",
    "decrypt_failed",
    "inspection_refused",
    "kills_worker",
    "malformed_envelope",
    "malformed_message",
    "missing_encrypt",
    "missing_parameter",
    "not_encrypted",
    "redelivered",
    "redemption_refused",
    "refused_data",
    "release_check",
    "too_short",
    "unknown_component",
    "unknown_pair",
    "unreadable",
    "unreadable_stream",
    "unreadable_task",
    "wrong_appid",
    "wrong_component",
    "wrong_url",
];

/// Why a task waits for its next attempt.
pub const WAITING_REASONS: [&str; 19] = [
    "answer_lost",
    "answer_unreadable",
    "component_token",
    "list_refused",
    "list_scan",
    "list_unreadable",
    "no_component",
    "no_secret",
    "no_ticket",
    "not_reached",
    "panicked",
    "paused",
    "quota_spent",
    "refused_for_now",
    "stopping",
    "store",
    "suspended",
    "token_busy",
    "too_slow",
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Words of these sources that are no reasons.
    const OTHERS: [&str; 6] = ["dead", "info", "list", "provisional", "redeem", "redemption"];
    /// A variant that only the configuration has; see `EnvelopeError`.
    const OF_CONFIGURATION: &str = "bad_key";

    /// The text literals of the code of a folder or file that could be a reason. Tests are left out.
    fn words(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                words(&entry.unwrap().path(), found);
            }
            return;
        }
        if path.file_name().is_some_and(|name| name.to_str().unwrap().contains("tests")) {
            return;
        }
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let is_word = |text: &&str| {
                !text.is_empty() && text.chars().all(|c| matches!(c, 'a'..='z' | '_' | '0'..='9'))
            };
            found.extend(line.split('"').skip(1).step_by(2).filter(is_word).map(str::to_owned));
        }
    }

    #[test]
    fn every_reason_of_the_code_is_listed_and_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = BTreeSet::new();
        for source in ["src/tasks", "src/inbound"] {
            words(&root.join(source), &mut found);
        }
        found.retain(|word| !OTHERS.contains(&word.as_str()));
        let mut of_pushes = BTreeSet::new();
        words(&root.join("../crates/wechat/src/envelope/error.rs"), &mut of_pushes);
        words(&root.join("../crates/wechat/src/push/mod.rs"), &mut of_pushes);
        of_pushes.remove(OF_CONFIGURATION);
        assert!(of_pushes.contains("bad_signature") && of_pushes.contains("bad_utf8"), "{of_pushes:?}");
        found.extend(of_pushes);
        let listed = DEAD_LETTER_REASONS.into_iter().chain(WAITING_REASONS).map(str::to_owned);
        assert_eq!(listed.collect::<BTreeSet<_>>(), found);
    }

    #[test]
    fn the_lists_are_sorted() {
        assert!(DEAD_LETTER_REASONS.is_sorted() && WAITING_REASONS.is_sorted());
    }
}
