//! `mandate authorizers`.

use mandate_schema::{StreamName, format_time};
use mandate_storage::AuthorizerFilter;
use mandate_worker::views::AuthorizerView;

use super::{erase, events};
use crate::{
    args::{Account, AuthorizersCommand, Global},
    context::open_views,
    exit::CliError,
    output,
};

const HEADER: [&str; 6] = ["component", "authorizer", "status", "name", "permissions", "authorized_at"];
const PAGE: usize = 500;

pub(super) async fn run(global: &Global, command: AuthorizersCommand) -> Result<(), CliError> {
    match command {
        AuthorizersCommand::List { component, status, query, limit } => {
            let (views, limit) = (open_views(global).await?, limit as usize);
            let (mut found, mut after) = (Vec::new(), None);
            while found.len() < limit {
                let filter = AuthorizerFilter {
                    component: component.clone(),
                    status: status.clone(),
                    text: query.clone(),
                    after,
                    limit: PAGE.min(limit - found.len()),
                };
                let (page, next) = views.authorizers(filter).await?;
                found.extend(page);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            output::list(&found, global.output, HEADER, row)?;
            if after.is_some() {
                output::note(format!("there may be more than these {limit}: --limit shows more"))?;
            }
            Ok(())
        }
        AuthorizersCommand::Show { account, at_position } => {
            let account = Account::from(account);
            let views = open_views(global).await?;
            let found = match at_position {
                Some(position) => {
                    views.authorizer_at(&account.component, &account.authorizer, position).await?
                }
                None => views.authorizer(&account.component, &account.authorizer).await?,
            };
            let missing = || CliError::NotFound(format!("nothing is known of {}", account.authorizer));
            output::json(&found.ok_or_else(missing)?, global.output)
        }
        AuthorizersCommand::History { account, limit } => {
            let account = Account::from(account);
            let stream = StreamName::Authorizer(account.component, account.authorizer);
            let history = open_views(global).await?.history(&stream, None, limit as usize).await?;
            if history.is_empty() {
                return Err(CliError::NotFound(format!("nothing is known of {stream}")));
            }
            output::list(
                &history,
                global.output,
                ["position", "time", "type", "subject", "data"],
                events::row,
            )
        }
        AuthorizersCommand::Erase { account, how } => erase::run(global, account.into(), how).await,
    }
}

fn row(view: &AuthorizerView) -> [String; 6] {
    let name = view.profile.as_ref().and_then(|profile| profile.nick_name.clone());
    [
        view.component.to_string(),
        view.app_id.to_string(),
        view.status.as_str().to_owned(),
        name.unwrap_or_default(),
        view.permissions.len().to_string(),
        view.authorized_at.map(format_time).unwrap_or_default(),
    ]
}
