//! The rows that a worker has written, in the same tables of another database, by plain inserts of many rows.

use std::time::Instant;

use tokio_postgres::Client;

use super::{BATCH, Inserted, share};

/// A table, and its rows as the texts behind `values`.
struct Table {
    name: String,
    columns: String,
    rows: Vec<String>,
}

/// Copies what `count` callbacks left in `from` to `to`, in which only the tables are.
pub(crate) async fn copy(from: &Client, to: &Client, count: u32) -> Inserted {
    let tables = tables(from, count).await;
    let batches = (count as usize).div_ceil(BATCH);
    let statement = |batch: usize| {
        let inserts = tables.iter().map(|table| {
            let rows = table.rows[share(table.rows.len(), batch, batches)].join(", ");
            format!("insert into {} ({}) values {rows};", table.name, table.columns)
        });
        let head = format!("update log_head set position = {} where shard = 0;", (batch + 1) * BATCH);
        format!("begin; {} {head} commit", inserts.collect::<String>())
    };
    let statements: Vec<String> = (0..batches).map(statement).collect();
    let began = Instant::now();
    for statement in &statements {
        to.batch_execute(statement).await.expect("rows that were there before");
    }
    Inserted::since(began, count, tables.iter().map(|table| table.rows.len()).sum())
}

/// The tables that grow with the callbacks, their rows in the order of their writing.
async fn tables(client: &Client, count: u32) -> Vec<Table> {
    let sql = "select c.table_name, string_agg(c.column_name, ', ' order by c.ordinal_position),
            string_agg('quote_nullable(' || c.column_name || '::text)', ', ' order by c.ordinal_position)
        from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
        where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.is_generated = 'NEVER'
        group by c.table_name order by c.table_name";
    let mut tables = Vec::new();
    for found in client.query(sql, &[]).await.expect("a catalogue") {
        let (name, columns, texts): (String, String, String) = (found.get(0), found.get(1), found.get(2));
        let sql = format!("select '(' || concat_ws(', ', {texts}) || ')' from {name} order by ctid");
        let rows = client.query(&sql, &[]).await.expect("readable rows");
        if rows.len() >= count as usize / 2 {
            tables.push(Table { name, columns, rows: rows.iter().map(|row| row.get(0)).collect() });
        }
    }
    assert!(!tables.is_empty(), "the worker has written something");
    tables
}
