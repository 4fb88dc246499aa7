//! `mandate health`: what a container's health check runs, where there is no other program.

use std::time::Duration;

use mandate_runtime::http_client;

use crate::exit::CliError;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Asks once.
pub(super) async fn run(url: &str) -> Result<(), CliError> {
    let client = http_client::builder(TIMEOUT, None).and_then(reqwest::ClientBuilder::build);
    let answer = client.map_err(CliError::failed)?.get(url).send().await;
    let answer =
        answer.map_err(|error| CliError::Unavailable(format!("{url}: {}", http_client::told(error))))?;
    let status = answer.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(CliError::Unavailable(format!("{url} answers with HTTP status {status}")))
    }
}
