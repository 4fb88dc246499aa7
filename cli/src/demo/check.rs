//! Compares log and state with what the script should have made of them.

use mandate_ingress::journal::JournalFile;
use mandate_schema::{CloudEvent, StreamName};
use mandate_storage::RebuildMode;
use mandate_worker::views::Views;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use super::{
    script::{Cast, Merchant},
    setup::Stage,
};
use crate::{
    context::{master_keys, open_storage},
    exit::CliError,
    output::line,
};

/// Makes every check and prints each result.
pub(super) async fn check(stage: &Stage, views: &Views, cast: &Cast) -> Result<(), CliError> {
    let mut checks = Checks { failed: 0 };
    for (merchant, status) in [
        (&cast.updates, "authorized"),
        (&cast.revokes, "revoked"),
        (&cast.repeated, "authorized"),
        (&cast.overtaken, "authorized"),
        (&cast.lost_answer, "authorized"),
    ] {
        let view = views.authorizer(&merchant.component, &merchant.app_id).await?;
        let is = view.map_or("unknown", |view| view.status.as_str());
        checks.that(is == status, format!("{} is {is}", merchant.app_id))?;
    }
    let lost = find(views, &cast.updates, "authorization.permissions_changed").await?;
    let dropped = lost.iter().any(|event| event.data.get("lost") == Some(&json!([4])));
    checks.that(dropped, "the update that dropped a permission was recorded")?;
    let granted = find(views, &cast.repeated, "authorization.granted").await?.len();
    checks.that(granted == 1, format!("a callback delivered three times made {granted} grant"))?;
    let revoked = find(views, &cast.overtaken, "authorization.revoked").await?.len();
    checks.that(revoked == 0, "a revocation that arrived late changed nothing")?;
    let healed = find(views, &cast.lost_answer, "credentials.recovered").await?.len();
    checks.that(healed == 1, "a redemption whose answer was lost was healed")?;

    let storage = open_storage(&stage.config).await?;
    let dead: u64 = storage.dead_letter_counts().await?.into_iter().map(|(_, count)| count).sum();
    checks.that(dead == 0, format!("{dead} dead letters"))?;
    checks.that(journal_empties(stage).await?, "every callback has its outcome")?;
    let report =
        mandate_worker::rebuild(&storage, master_keys(&stage.config)?, RebuildMode::Check, |_| {}).await?;
    let equal = report.different.is_empty();
    checks.that(equal, format!("state rebuilt from {} events equals the live state", report.events))?;
    checks.verdict()
}

/// The events of one type in a merchant's history.
async fn find(views: &Views, merchant: &Merchant, name: &str) -> Result<Vec<CloudEvent>, CliError> {
    let stream = StreamName::Authorizer(merchant.component.clone(), merchant.app_id.clone());
    let history = views.history(&stream, None, 500).await?;
    let kind = Value::String(format!("mandate.{name}.v1"));
    Ok(history.into_iter().filter(|event| kind == *event.kind).collect())
}

/// Settling follows the append by a moment.
async fn journal_empties(stage: &Stage) -> Result<bool, CliError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let waiting = JournalFile::open(&stage.config.ingress.journal)?.status()?.waiting.unsettled();
        if waiting == 0 || Instant::now() > deadline {
            return Ok(waiting == 0);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

struct Checks {
    failed: u32,
}

impl Checks {
    fn that(&mut self, good: bool, what: impl AsRef<str>) -> Result<(), CliError> {
        self.failed += u32::from(!good);
        line(format!("{}  {}", if good { "  ok" } else { "FAIL" }, what.as_ref()))
    }

    fn verdict(self) -> Result<(), CliError> {
        match self.failed {
            0 => line("\nLog and state are as expected."),
            failed => Err(CliError::Failed(anyhow::anyhow!("{failed} checks failed"))),
        }
    }
}
