//! What `mandate config show` prints.

use super::Loaded;

/// A row per key: the key, its value with secrets masked, and where it came from.
pub fn show(loaded: &Loaded) -> Vec<[String; 3]> {
    let row = |value: &super::Resolved| [value.key.clone(), value.value.clone(), value.origin.to_string()];
    loaded.origins.iter().map(row).collect()
}
