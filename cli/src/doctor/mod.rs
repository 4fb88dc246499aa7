//! What is wrong with an installation, why, and what to do about it. Every check reads; the call to `WeChat` may renew the
//! component token, as any call of the service.

mod machine;
pub(crate) mod request;
mod stores;
mod wechat;

use std::fmt::Display;

use jiff::Timestamp;
use mandate_runtime::config::Loaded;
use mandate_storage::Store;
use mandate_worker::views::Views;
use serde::Serialize;

use crate::{
    context::{master_keys, open_storage},
    exit::CliError,
    process,
    role::Role,
};

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and should be looked at.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be checked, or need not be.
    Skipped,
}

/// One check.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cure: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), cure: None }
    }

    fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Skipped, found: why.into(), cure: None }
    }

    fn warning(check: &'static str, found: impl Display, cure: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, found: found.to_string(), cure: Some(cure.into()) }
    }

    fn failed(check: &'static str, found: impl Display, cure: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Failed, found: found.to_string(), cure: Some(cure.into()) }
    }
}

/// Everything of one role, in the order in which one would look.
pub(crate) async fn examine(loaded: &Loaded, role: Role, callback_url: Option<&str>) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = configuration(loaded, role);
    findings.extend(machine::examine(config, role, loaded));
    findings.push(wechat::clock(config, Timestamp::now()).await);
    if role.has_ingress() {
        findings.push(stores::journal(config));
    }
    if role.has_worker() {
        findings.extend(of_worker(loaded).await);
    }
    findings.push(stores::broker(config).await);
    if role.has_worker() {
        findings.push(wechat::public_pages(config).await);
    }
    if role.has_ingress() {
        findings.extend(wechat::callback_urls(config, callback_url).await);
    }
    findings
}

fn configuration(loaded: &Loaded, role: Role) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let checked = role.check(loaded);
    let cure = "Correct it; `mandate config show` prints every value and where it comes from.";
    let problems = checked.problems.iter().map(|problem| Finding::failed(CHECK, problem, cure));
    let warnings = loaded.warnings.iter().chain(&checked.warnings);
    let warnings = warnings.map(|warning| Finding::warning(CHECK, warning, cure));
    let found: Vec<_> = problems.chain(warnings).collect();
    if found.is_empty() { vec![Finding::ok(CHECK, format!("valid for `mandate {role}`"))] } else { found }
}

/// Database, keys, and what `WeChat` says to our calls.
async fn of_worker(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let opened = tokio::time::timeout(stores::PATIENCE, open_storage(config)).await;
    let opened = opened.unwrap_or_else(|_| Err(CliError::Unavailable("no answer within 10 seconds".into())));
    let mut findings = vec![stores::database(config, &opened)];
    findings.extend(stores::fingerprints(config));
    let Ok(storage) = opened else {
        findings.push(Finding::skipped("tickets", "the database is needed to know"));
        findings.push(Finding::skipped("outgoing address", "the database is needed to call WeChat"));
        return findings;
    };
    findings.extend(of_components(loaded, storage).await);
    findings
}

async fn of_components(loaded: &Loaded, storage: Store) -> Vec<Finding> {
    let made = process::worker_for_commands(&loaded.config, storage)
        .and_then(|worker| Ok((Views::new(worker.storage.clone(), master_keys(&loaded.config)?), worker)));
    let (views, worker) = match made {
        Ok(made) => made,
        Err(error) => return vec![Finding::skipped("tickets", format!("no worker can be made: {error}"))],
    };
    if let Some(finding) = stores::master_keys(&worker).await {
        return vec![finding, Finding::skipped("tickets", "sealed values cannot be opened")];
    }
    let mut findings = Vec::new();
    for component in &loaded.config.components {
        findings.push(wechat::ticket(&views, &component.app_id).await);
        findings.push(wechat::outgoing_address(&worker, &component.app_id).await);
    }
    findings
}
