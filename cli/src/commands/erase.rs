//! `mandate authorizers erase`.

use std::io::{IsTerminal, Write};

use mandate_schema::Erased;

use mandate_worker::{EraseError, Status, StillHeld, views::Views};
use serde::Serialize;

use crate::{
    args::{Account, Erasing, Global},
    context::{actor, load, master_keys, note_act, open_storage, warn},
    exit::CliError,
    output, process,
};

/// The longest reason, in characters.
const REASON_MAX: usize = 500;

/// What was done.
#[derive(Serialize)]
struct Done<'a> {
    #[serde(flatten)]
    account: &'a Account,
    erased: bool,
}

pub(super) async fn run(global: &Global, account: Account, how: Erasing) -> Result<(), CliError> {
    let Erasing { reason, force, yes } = how;
    if reason.trim().is_empty() || reason.chars().count() > REASON_MAX || reason.contains(char::is_control) {
        return Err(CliError::Usage(format!(
            "--reason: it must have 1 to {REASON_MAX} printable characters"
        )));
    }
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let storage = open_storage(&loaded.config).await?;
    let worker = process::worker_for_commands(&loaded.config, storage.clone())?;
    worker.check_master_keys().await?;
    if !yes {
        ask(&Views::new(storage, master_keys(&loaded.config)?), &account, force).await?;
    }
    let request = Erased { by: actor(), reason: reason.clone() };
    worker.eraser.erase(&account.component, &account.authorizer, request, force).await?;
    let subject = format!("{}/{}", account.component, account.authorizer);
    note_act(&worker.storage, "authorizer.erased", &subject, Some(reason)).await?;
    output::note(format!(
        "{} is erased. Not reached from here: backups, ingress's journal and the broker's queues until they have run out, \
         and what subscribers have stored; they learn of it by authorizer.erased",
        account.authorizer
    ))?;
    match global.output {
        output::Format::Table => Ok(()),
        format => output::json(&Done { account: &account, erased: true }, format),
    }
}

/// What is erased cannot be had back: the appid has to be typed.
async fn ask(views: &Views, account: &Account, force: bool) -> Result<(), CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage("there is nobody to ask; add --yes if you are sure".into()));
    }
    let found = views.authorizer(&account.component, &account.authorizer).await?;
    let found =
        found.ok_or_else(|| CliError::NotFound(format!("nothing is known of {}", account.authorizer)))?;
    if found.status != Status::Revoked && !force {
        return Err(EraseError::Held(StillHeld(found.status)).into());
    }
    let name = found.profile.and_then(|profile| profile.nick_name).unwrap_or_else(|| "no name".into());
    output::note(format!(
        "{} ({name}) is {} at component {}.\nErased for good are its tokens and its profile, its messages, waiting tasks and \
         dead letters, and the notices that name it. Its history stays, without what these said.",
        account.authorizer,
        found.status.as_str(),
        account.component
    ))?;
    write!(std::io::stderr().lock(), "Type its appid to go on: ")?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    if typed.trim() == account.authorizer.as_str() {
        Ok(())
    } else {
        Err(CliError::Refused("nothing was erased".into()))
    }
}

impl From<EraseError> for CliError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Unknown(_) => Self::NotFound(error.to_string()),
            EraseError::Held(held) => Self::Refused(format!(
                "{held}: an account that may still authorize you is erased with --force only; its token is gone then, \
                 until it authorizes again or mandate reconcile finds another"
            )),
            EraseError::Read(error) => error.into(),
        }
    }
}
