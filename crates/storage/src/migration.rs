//! What the migrators of all databases share.

use mandate_schema::sql::Migration;

use crate::StorageError;

/// What a migration run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations applied now, in order.
    pub applied: Vec<String>,
    /// The schema's version after it.
    pub version: u32,
}

impl Migrated {
    pub(crate) fn to(known: &[Migration], applied: Vec<String>) -> Self {
        Self { applied, version: known.last().map_or(0, |last| last.number) }
    }
}

/// How many of the migrations this program knows are applied, each unchanged. `rows` are the numbers and hashes in the
/// database, in order.
pub(crate) fn verify(rows: &[(u32, String)], known: &[Migration]) -> Result<usize, StorageError> {
    for (index, (number, hash)) in rows.iter().enumerate() {
        let Some(migration) = known.get(index) else {
            return Err(StorageError::Schema(format!(
                "the database has migration {number}, which this program does not know; use the newer program"
            )));
        };
        if migration.number != *number || migration.sha256() != *hash {
            return Err(StorageError::Schema(format!(
                "migration {number} of the database is not the one this program knows; was it changed?"
            )));
        }
    }
    Ok(rows.len())
}

pub(crate) fn not_up_to_date() -> StorageError {
    StorageError::Schema("the database is not up to date; run `mandate migrate`".into())
}
