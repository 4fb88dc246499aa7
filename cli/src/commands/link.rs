//! `mandate link`.

use std::io::{IsTerminal, stdout};

use mandate_console::LinkView;
use mandate_worker::consent::{EXPIRES_DEFAULT, LinkError, LinkOrder};

use crate::{
    args::{Global, LinkCommand, LinkCreate},
    context::{load, note_act, open_storage, warn},
    exit::CliError,
    output, process,
};

use super::api_key::duration;

pub(super) async fn run(global: &Global, command: LinkCommand) -> Result<(), CliError> {
    let LinkCommand::Create(create) = command;
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
    match global.output {
        output::Format::Table => {
            output::line(&view.url)?;
            if stdout().is_terminal() {
                output::line(view.qr_text())?;
            }
            output::note(format!("works until {}", mandate_schema::format_time(view.expires_at)))
        }
        format => output::json(&view, format),
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
