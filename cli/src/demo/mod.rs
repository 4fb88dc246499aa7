//! `mandate demo`: the main job in one process, against a simulator of `WeChat`, told as it happens.

mod check;
mod narrate;
mod script;
mod setup;

use std::sync::Arc;

use mandate_runtime::{config::Log, stop::Stop};
use mandate_worker::views::Views;

use crate::{
    args,
    context::{begin, master_keys, open_storage},
    exit::CliError,
    output::line,
    process::finish,
};
pub(crate) use setup::{Folder, Stage};

/// The script is the log. The simulator drops a connection on purpose, which its HTTP server calls an error.
const LEVEL: &str = "warn,actix_http=off";

/// Runs the demo until Ctrl-C, or until its script has ended.
pub(crate) async fn run(arguments: args::Demo) -> Result<(), CliError> {
    begin(&Log { level: LEVEL.into(), ..Log::default() })?;
    let folder = Folder::prepare(arguments.data_dir.as_deref())?;
    let stop = Stop::on_signals()?;
    let stage = Stage::build(&folder, &stop).await?;
    stage.introduce(&folder)?;
    let played = play(&stage, &stop).await;
    if played.is_err() || arguments.exit {
        stop.request();
    } else if !stop.is_requested() {
        introduce(&stage)?;
    }
    finish(&stop).await?;
    folder.remove();
    played
}

/// Plays the script while the log is told, then compares log and state with what they should be.
async fn play(stage: &Stage, stop: &Stop) -> Result<(), CliError> {
    let views = Arc::new(Views::new(open_storage(&stage.config).await?, master_keys(&stage.config)?));
    line("")?;
    let narrator = narrate::Narrator::start(views.clone(), stop.clone());
    let script = tokio::select! {
        cast = script::play(&stage.simulator, &views, &stage.components) => cast,
        () = stop.requested() => return Err(CliError::Failed(anyhow::anyhow!("stopped before the end of the script"))),
    };
    narrator.finish(&views).await?;
    let cast = script?;
    line("")?;
    check::check(stage, &views, &cast).await
}

/// Says how to look further.
fn introduce(stage: &Stage) -> Result<(), CliError> {
    let (console, simulator) = (stage.running.console, stage.simulator_address);
    let config = stage.config_file.display();
    let component = &stage.components[0];
    // As it was started; it need not be on the path.
    let program = std::env::current_exe()?;
    let mandate = program.display();
    line(format!(
        "
Everything runs on. Look further, from another terminal:

  the API        curl -s http://{console}/api/v1/authorizers
                 curl -s 'http://{console}/api/v1/events?after=0&type=authorization.granted'
                 curl -s http://{console}/metrics
  subscribers    curl -N 'http://{console}/api/v1/events/stream?after=0'
                 {mandate} listen --api http://{console} --forward-to http://127.0.0.1:3000/
  the commands   {mandate} --config {config} events tail
                 {mandate} --config {config} authorizers list
                 {mandate} --config {config} rebuild --check
  WeChat's side  curl -s http://{simulator}/_control/calls
                 curl -s http://{simulator}/_control/authorizers -H 'content-type: application/json' \\
                   -d '{{\"component\":\"{component}\",\"act\":\"authorize\"}}'
  callbacks      http://{}, health and metrics http://{}

Ctrl-C ends it.",
        stage.running.ingress.listen, stage.running.ingress.admin
    ))
}
