//! `mandate reconcile`, `restored`.

use indicatif::{ProgressBar, ProgressStyle};
use mandate_runtime::stop::Stop;
use mandate_schema::ComponentId;

use mandate_worker::{Manner, ReconcileError, Report, TokenError, Uncalled};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    args::Global,
    context::{load, load_for_storage, open_storage, warn},
    exit::CliError,
    output::{self, Format},
    process,
};

/// One component of `mandate reconcile -o json`.
#[derive(Serialize)]
struct Compared {
    component: ComponentId,
    dry_run: bool,
    #[serde(flatten)]
    report: Report,
}

pub(super) async fn run(
    global: &Global,
    component: Option<ComponentId>,
    dry_run: bool,
) -> Result<(), CliError> {
    let loaded = load(global)?;
    warn(loaded.check_standalone().into_result()?);
    let worker = process::worker_for_commands(&loaded.config, open_storage(&loaded.config).await?)?;
    worker.check_master_keys().await?;
    let stop = Stop::on_signals().map_err(CliError::failed)?;
    let manner = Manner { calls_per_minute: loaded.config.reconcile.calls_per_minute, dry_run };
    let components = component.map_or_else(|| worker.components().to_vec(), |component| vec![component]);
    let mut compared = Vec::with_capacity(components.len());
    for component in components {
        let bar = bar(&component);
        let report =
            worker.reconciler.reconcile(&component, manner, &stop, |report| show(&bar, report)).await;
        bar.finish_and_clear();
        compared.push(Compared { component, dry_run, report: report? });
    }
    if global.output == Format::Table {
        compared.iter().try_for_each(print)
    } else {
        output::list(&compared, global.output, [""; 0], |_| [])
    }
}

/// Shown on a terminal only.
fn bar(component: &ComponentId) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix} [{bar:30}] {pos} of {len} authorizers, {eta} left {msg}");
    ProgressBar::new(0)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(component.to_string())
}

fn show(bar: &ProgressBar, report: &Report) {
    bar.set_length(report.total);
    bar.set_position(report.listed.min(report.total));
    if report.listed >= report.total {
        bar.set_message(format!("{} to be asked about", report.to_confirm));
    }
    if bar.is_hidden() {
        tracing::info!(
            listed = report.listed,
            total = report.total,
            "{} of {} authorizers compared",
            report.listed,
            report.total
        );
    }
}

fn print(compared: &Compared) -> Result<(), CliError> {
    let Compared { component, dry_run, report } = compared;
    let would = if *dry_run { " (nothing was changed)" } else { "" };
    output::line(format!("{component}: {} authorizers in WeChat's list{would}", report.total))?;
    let lines = [
        ("unchanged", report.unchanged),
        ("authorizations that were missed", report.granted),
        ("authorizations that were confirmed again, asked about by the worker", report.updated),
        ("refresh tokens that were missed or are others, tried by the worker", report.recovered),
        ("contradictions, asked about by the worker", report.to_confirm),
        ("changed meanwhile; the next run looks at them", report.waiting),
        ("profiles to be looked up by the worker", report.profiles),
        ("without a refresh token anywhere", report.without_token),
        ("entries of the list that cannot be read", report.unreadable),
        ("authorizers whose own history cannot be read, skipped", report.unreadable_streams),
        ("entries that the list says it has and did not name", report.short_by),
    ];
    for (what, count) in lines {
        output::line(format!("  {count:>8}  {what}"))?;
    }
    for authorizer in &report.accounts_without_token {
        output::line(format!(
            "            {authorizer}: ask the merchant to authorize again, unless it is mended by tomorrow"
        ))?;
    }
    Ok(())
}

pub(super) async fn restored(global: &Global) -> Result<(), CliError> {
    let storage = open_storage(&load_for_storage(global)?).await?;
    let log_id = Uuid::new_v4().to_string();
    storage.rename_log(&log_id).await?;
    output::line(format!("the log is {log_id} now, at position {}", storage.head().await?))?;
    output::note(
        "Next:\n  1. mandate journal resend --since TIME-OF-THE-BACKUP   on the machine of ingress: what came since then\n  \
         2. start the service\n  3. mandate reconcile                                  what cannot be in the journal any more",
    )
}

impl From<ReconcileError> for CliError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Unknown(_) => Self::NotFound(error.to_string()),
            ReconcileError::Read(error) | ReconcileError::List(Uncalled::Token(TokenError::Read(error))) => {
                error.into()
            }
            ReconcileError::List(_) => Self::Unavailable(error.to_string()),
            ReconcileError::Elsewhere | ReconcileError::Stopped => Self::Refused(error.to_string()),
        }
    }
}
