//! Results on stdout: as a table for people, as JSON for programs.

use std::io::Write;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::exit::CliError;

/// Form of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document per line and item.
    Ndjson,
}

/// Prints one line.
pub(crate) fn line(text: impl AsRef<str>) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.as_ref())?;
    Ok(out.flush()?)
}

/// Prints a note that is not a result.
pub(crate) fn note(text: impl AsRef<str>) -> Result<(), CliError> {
    Ok(writeln!(std::io::stderr().lock(), "{}", text.as_ref())?)
}

/// Prints one JSON document.
pub(crate) fn json(value: &impl Serialize, format: Format) -> Result<(), CliError> {
    let text = match format {
        Format::Ndjson => serde_json::to_string(value),
        Format::Json | Format::Table => serde_json::to_string_pretty(value),
    };
    line(text.map_err(CliError::failed)?)
}

/// Prints a list: its rows as a table, or its items as JSON.
pub(crate) fn list<T: Serialize, const N: usize>(
    items: &[T],
    format: Format,
    header: [&str; N],
    row: impl Fn(&T) -> [String; N],
) -> Result<(), CliError> {
    match format {
        Format::Json => json(&items, format),
        Format::Ndjson => items.iter().try_for_each(|item| json(item, format)),
        Format::Table => {
            line(table(header, items.iter().map(row)))?;
            if items.is_empty() { note("(none)") } else { Ok(()) }
        }
    }
}

/// A table without frames, so that its columns can be cut out by other programs.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.map(str::to_uppercase));
    rows.for_each(|row| {
        table.add_row(row);
    });
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
