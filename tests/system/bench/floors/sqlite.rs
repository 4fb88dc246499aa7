//! The rows that a process has written, in the same tables of another file, by batches.

use std::{path::Path, time::Instant};

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{BATCH, Inserted, share};

struct Table {
    insert: String,
    rows: Vec<Vec<Value>>,
}

/// Copies what `count` callbacks left in `from` to a new file `to`.
pub(crate) fn copy(from: &Path, to: &Path, count: u32) -> Inserted {
    let (from, mut to) =
        (Connection::open(from).expect("a store"), Connection::open(to).expect("a new file"));
    // As the store opens its file.
    for (name, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "full"),
        ("wal_autocheckpoint", "4000"),
        ("cache_size", "-1024"),
    ] {
        to.pragma_update(None, name, value).expect("a pragma");
    }
    let schema = "select group_concat(sql, ';\n') from (select sql from sqlite_master where sql is not null
        and name not like 'sqlite_%' order by type = 'trigger', type = 'index')";
    let schema: String = from.query_row(schema, [], |row| row.get(0)).expect("a schema");
    to.execute_batch(&schema).expect("the same tables");
    to.execute("insert into log_head (shard, position, log_id) values (0, 0, 'bench')", []).expect("a head");
    let tables = tables(&from, count);
    let batches = (count as usize).div_ceil(BATCH);
    let began = Instant::now();
    for batch in 0..batches {
        let transaction = to.transaction().expect("the only writer");
        for table in &tables {
            let mut insert = transaction.prepare_cached(&table.insert).expect("a known table");
            for row in &table.rows[share(table.rows.len(), batch, batches)] {
                insert.execute(params_from_iter(row)).expect("a row that was there before");
            }
        }
        transaction.execute("update log_head set position = position + 256", []).expect("a head");
        transaction.commit().expect("a commit");
    }
    Inserted::since(began, count, tables.iter().map(|table| table.rows.len()).sum())
}

/// The tables that grow with the callbacks, their rows in the order of their writing, as far as it is known.
fn tables(store: &Connection, count: u32) -> Vec<Table> {
    let names = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";
    let mut names = store.prepare(names).expect("a catalogue");
    let names = names.query_map([], |row| row.get::<_, String>(0)).expect("names");
    let tables: Vec<Table> = names
        .map(|name| table(store, &name.expect("text")))
        .filter(|table| table.rows.len() >= count as usize / 2)
        .collect();
    assert!(!tables.is_empty(), "the process has written something");
    tables
}

fn table(store: &Connection, name: &str) -> Table {
    let mut columns =
        store.prepare("select name from pragma_table_xinfo(?1) where hidden = 0").expect("a catalogue");
    let columns = columns.query_map([name], |row| row.get::<_, String>(0)).expect("columns");
    let columns: Vec<String> = columns.map(|column| column.expect("text")).collect();
    // Keys come in no order of their own; in that of an index they would be written faster than by anybody else.
    let order = if columns.iter().any(|column| column == "position") { "position" } else { "random()" };
    let mut rows = store
        .prepare(&format!("select {} from {name} order by {order}", columns.join(", ")))
        .expect("a table");
    let read = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|column| row.get(column)).collect();
    let rows = rows.query_map([], read).expect("rows").collect::<Result<_, _>>().expect("readable rows");
    let marks = vec!["?"; columns.len()].join(", ");
    Table { insert: format!("insert into {name} ({}) values ({marks})", columns.join(", ")), rows }
}
