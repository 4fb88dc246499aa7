//! `mandate link`.

use std::{
    io::{IsTerminal, stdout},
    path::Path,
};

use mandate_console::LinkView;
use mandate_schema::format_time;
use mandate_worker::consent::{EXPIRES_DEFAULT, LinkError, LinkOrder};
use serde::Serialize;

use crate::{
    args::{Global, LinkCommand, LinkCreate},
    context::{load, note_act, open_storage, warn},
    exit::CliError,
    output, process,
};

use super::api_key::duration;

/// `mandate link create -o json`. The QR code goes to a file: an SVG in a JSON line helps no reader.
#[derive(Serialize)]
struct Made<'a> {
    url: &'a str,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_file: Option<&'a Path>,
}

pub(super) async fn run(global: &Global, command: LinkCommand) -> Result<(), CliError> {
    let LinkCommand::Create(create) = command;
    let qr = create.qr.clone();
    let order = order(create)?;
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let worker = process::worker_for_commands(&loaded.config, open_storage(&loaded.config).await?)?;
    let link = worker.consents.create_link(order).await.map_err(|error| match error {
        LinkError::Terms(error) => CliError::Usage(error.to_string()),
        LinkError::Storage(error) => error.into(),
    })?;
    note_act(&worker.storage, "link.created", &link.id, link.terms.tag.clone()).await?;
    let view = LinkView::new(&worker, &link);
    if let Some(file) = &qr {
        std::fs::write(file, &view.qr_svg)
            .map_err(|error| CliError::Failed(anyhow::anyhow!("--qr: {}: {error}", file.display())))?;
    }
    match global.output {
        output::Format::Table => {
            output::line(&view.url)?;
            if stdout().is_terminal() {
                output::line(view.qr_text())?;
            }
            output::note(format!("works until {}", format_time(view.expires_at)))
        }
        format => {
            let (url, expires_at) = (&view.url, format_time(view.expires_at));
            output::json(&Made { url, expires_at, qr_file: qr.as_deref() }, format)
        }
    }
}

fn order(create: LinkCreate) -> Result<LinkOrder, CliError> {
    let life = create.expires_in.as_deref().map(duration).transpose()?;
    Ok(LinkOrder {
        component: create.component,
        auth_type: create.auth_type,
        biz_appid: create.biz_appid,
        category_ids: create.category_id,
        return_url: create.return_url,
        tag: create.tag,
        expires_in: life.unwrap_or(EXPIRES_DEFAULT),
    })
}
