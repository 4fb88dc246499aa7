//! `mandate release-check`: the rehearsal of WeChat's release check (全网发布接入检测).

use std::time::Duration;

use mandate_runtime::{config::Log, http_client, stop::Stop};
use mandate_schema::ComponentId;
use mandate_simulator::{ReleaseCheckItem, ReleaseCheckReport, ReleaseCheckSpec, Span};
use serde_json::{Value, json};

use crate::{
    args::{self, Global},
    context::{begin, load},
    demo::{Folder, Stage},
    exit::CliError,
    output::{self, Format, line},
    process::finish,
};

/// A check of eight pushes and two customer-service messages, each of which may take five minutes at most.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Plays the check, prints its report, and fails unless every item passed.
pub(super) async fn run(global: &Global, arguments: args::ReleaseCheck) -> Result<(), CliError> {
    let report = match &arguments.simulator {
        Some(simulator) => of_running(global, &arguments, simulator).await?,
        None => of_embedded(&arguments).await?,
    };
    print(&report, global.output)?;
    let failed = report.items.iter().filter(|item| !item.passed).count();
    match failed {
        0 => Ok(()),
        failed => {
            let total = report.items.len();
            Err(CliError::Failed(anyhow::anyhow!("{failed} of {total} items of the release check failed")))
        }
    }
}

/// The check of an instance that runs: its simulator plays it.
async fn of_running(
    global: &Global,
    arguments: &args::ReleaseCheck,
    simulator: &str,
) -> Result<ReleaseCheckReport, CliError> {
    let component = match &arguments.component {
        Some(component) => component.clone(),
        None => only_component(global)?,
    };
    let mut order = json!({ "component": component });
    if let Some(group) = arguments.group {
        order["group"] = group.into();
    }
    if let Some(wait) = &arguments.wait {
        order["wait"] = wait.as_str().into();
    }
    let client = http_client::builder(TIMEOUT, None).and_then(reqwest::ClientBuilder::build);
    let url = format!("{}/_control/release-check", simulator.trim_end_matches('/'));
    let post = client.map_err(CliError::failed)?.post(&url).body(order.to_string());
    let away = |error| CliError::Unavailable(format!("{url}: {}", http_client::told(error)));
    let answer = post.send().await.map_err(away)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(away)?;
    if !status.is_success() {
        let problem: Option<Value> = serde_json::from_slice(&body).ok();
        let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str()).unwrap_or_default();
        return Err(CliError::Refused(format!("{url} answers with HTTP status {status} {detail}")));
    }
    serde_json::from_slice(&body)
        .map_err(|error| CliError::Failed(anyhow::anyhow!("{url} is no simulator of this version: {error}")))
}

fn only_component(global: &Global) -> Result<ComponentId, CliError> {
    match load(global)?.config.components.as_slice() {
        [component] => Ok(component.app_id.clone()),
        _ => Err(CliError::Usage("say which component: --component APPID".to_owned())),
    }
}

/// The check of an instance made for it: with invented credentials, in a temporary folder, in this process.
async fn of_embedded(arguments: &args::ReleaseCheck) -> Result<ReleaseCheckReport, CliError> {
    begin(&Log { level: "error".into(), ..Log::default() })?;
    let wait = arguments.wait.as_deref().map(Span::parse).transpose().map_err(CliError::Usage)?;
    let folder = Folder::prepare(None)?;
    let stop = Stop::on_signals()?;
    let stage = Stage::build(&folder, &stop).await?;
    let component = match &arguments.component {
        Some(component) => component.clone(),
        None => stage.components[0].clone(),
    };
    let spec = ReleaseCheckSpec { component, group: arguments.group, wait };
    let report = tokio::select! {
        report = stage.simulator.release_check(spec) => report.map_err(|error| CliError::Usage(error.to_string())),
        () = stop.requested() => Err(CliError::Failed(anyhow::anyhow!("stopped before the end of the check"))),
    };
    stop.request();
    finish(&stop).await?;
    folder.remove();
    report
}

fn print(report: &ReleaseCheckReport, format: Format) -> Result<(), CliError> {
    if format != Format::Table {
        return output::json(report, format);
    }
    line(format!("Release check of {}, test accounts of group {}", report.component, report.group))?;
    report.items.iter().try_for_each(print_item)
}

fn print_item(item: &ReleaseCheckItem) -> Result<(), CliError> {
    let verdict = if item.passed { "  ok" } else { "FAIL" };
    line(format!("{verdict}  {:>6} ms  {}", item.millis, item.title))?;
    if let Some(cause) = &item.cause {
        line(format!("      {cause}"))?;
    }
    for exchange in &item.exchanges {
        line(format!("      sent:     {}", indented(&exchange.sent)))?;
        line(format!("      received: {}", indented(&exchange.received)))?;
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n                ")
}
