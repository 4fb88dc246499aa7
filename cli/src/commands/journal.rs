//! `mandate journal`: works beside a running service.

use jiff::{SignedDuration, Timestamp};
use mandate_ingress::journal::{JournalFile, ParkedBecause, ParkedMessage};
use mandate_schema::format_time;
use serde::Serialize;

use crate::{
    args::{Global, JournalCommand},
    context::load,
    exit::CliError,
    output::{self, Format},
};

/// `mandate journal status -o json`.
#[derive(Serialize)]
struct Status {
    new: u64,
    handed_over: u64,
    waiting_bytes: u64,
    oldest_received_at: Option<String>,
    settled_kept: u64,
    unreadable: u64,
    parked: u64,
    file_bytes: u64,
}

/// A line of `mandate journal parked`.
#[derive(Serialize)]
struct Parked {
    received_at: String,
    component: String,
    authorizer: String,
    original_id: Option<String>,
    tied_to: Option<String>,
    reason: String,
    kept: bool,
}

/// Why most messages are parked.
const FOREIGN: &str = "its original id came with another appid before";

/// Parked messages that are read at once.
const PAGE: usize = 1_000;

pub(super) fn run(global: &Global, command: JournalCommand) -> Result<(), CliError> {
    let config = load(global)?.config;
    let path = &config.ingress.journal;
    if !path.exists() {
        return Err(CliError::NotFound(format!("there is no journal at {}", path.display())));
    }
    let mut journal = JournalFile::open(path)?;
    match command {
        JournalCommand::Status => print(&journal, global.output),
        JournalCommand::Parked => {
            let header = [
                "received_at",
                "component",
                "authorizer",
                "original id",
                "is tied to",
                "text kept",
                "reason",
            ];
            output::list(&parked(&journal)?, global.output, header, |row| {
                [
                    row.received_at.clone(),
                    row.component.clone(),
                    row.authorizer.clone(),
                    row.original_id.clone().unwrap_or_default(),
                    row.tied_to.clone().unwrap_or_default(),
                    if row.kept { "yes" } else { "no" }.to_owned(),
                    row.reason.clone(),
                ]
            })
        }
        JournalCommand::Tie { component, original_id, authorizer } => {
            let released = journal.tie(&component, &original_id, &authorizer, Timestamp::now())?;
            if global.output != Format::Table {
                return output::json(&serde_json::json!({ "released": released }), global.output);
            }
            output::line(format!(
                "{original_id} is tied to {authorizer}; {released} parked messages will be handed over"
            ))
        }
        JournalCommand::Resend { since } => {
            let resent = journal.resend(time(&since)?)?;
            if global.output != Format::Table {
                return output::json(&serde_json::json!({ "resent": resent }), global.output);
            }
            output::line(format!("{resent} callbacks will be handed over again"))
        }
    }
}

fn parked(journal: &JournalFile) -> Result<Vec<Parked>, CliError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = journal.parked(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.seq);
        found.extend(page.into_iter().map(row));
    }
}

fn row(message: ParkedMessage) -> Parked {
    let (original_id, reason) = match message.because {
        ParkedBecause::OriginalId(id) => (Some(id), FOREIGN.to_owned()),
        ParkedBecause::Bad(reason) => (None, reason),
    };
    Parked {
        received_at: format_time(message.received_at),
        component: message.component,
        authorizer: message.authorizer,
        original_id,
        tied_to: message.tied,
        reason,
        kept: message.kept,
    }
}

fn print(journal: &JournalFile, format: Format) -> Result<(), CliError> {
    let status = journal.status()?;
    let status = Status {
        new: status.waiting.new.rows,
        handed_over: status.waiting.handed_over.rows,
        waiting_bytes: status.waiting.new.bytes + status.waiting.handed_over.bytes,
        oldest_received_at: status.waiting.oldest.map(format_time),
        settled_kept: status.settled_kept.rows,
        unreadable: status.unreadable,
        parked: status.parked,
        file_bytes: status.file_bytes,
    };
    if format != Format::Table {
        return output::json(&status, format);
    }
    output::line(format!("waiting to be handed over  {}", status.new))?;
    output::line(format!("handed over, no outcome    {}", status.handed_over))?;
    output::line(format!("bytes that wait            {}", status.waiting_bytes))?;
    output::line(format!(
        "oldest that waits          {}",
        status.oldest_received_at.as_deref().unwrap_or("-")
    ))?;
    output::line(format!("settled, kept for resend   {}", status.settled_kept))?;
    output::line(format!("not readable, left out     {}", status.unreadable))?;
    output::line(format!("parked messages            {}", status.parked))?;
    output::line(format!("size of the file in bytes  {}", status.file_bytes))
}

/// A time, or an age.
fn time(text: &str) -> Result<Timestamp, CliError> {
    let age = || text.parse::<SignedDuration>().ok().and_then(|age| Timestamp::now().checked_sub(age).ok());
    text.parse().ok().or_else(age).ok_or_else(|| {
        CliError::Usage(format!(
            "{text:?} is neither a time such as 2026-11-22T08:00:00Z nor an age such as 2h"
        ))
    })
}
