//! Watching that tickets come: without one no component token, and without that no call for anybody.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use mandate_runtime::{health::Dependency, metrics::Metrics, stop::Stop};
use mandate_schema::{ComponentId, StreamName};
use mandate_storage::StorageError;
use mandate_wechat::api::StartPushTicketRequest;

use super::Tokens;
use crate::lease::take_turn;

/// How often the tickets are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// `WeChat` pushes a ticket every 10 minutes. After so long without one it is asked for them.
const OVERDUE: SignedDuration = SignedDuration::from_mins(25);
/// It is asked at most once in this time, over all workers and their restarts.
const ASKED_ONCE_IN: Duration = Duration::from_mins(10);

/// Watches that tickets come.
pub(crate) struct TicketWatch {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) metrics: Metrics,
    /// Shows whether they do.
    pub(crate) health: Dependency,
}

impl TicketWatch {
    /// Watches the tickets of all components until the process stops.
    pub(crate) async fn run(&self, stop: &Stop) {
        self.health.ok();
        let since = Timestamp::now();
        for component in self.tokens.components.iter() {
            self.last_ticket(component).await;
        }
        loop {
            // Not at once: ingress shall be there for the ticket that comes.
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            match self.look_at_tickets(since).await {
                Ok(overdue) if overdue.is_empty() => self.health.ok(),
                Ok(overdue) => self.health.degraded(overdue.join("; ")),
                Err(error) => tracing::warn!(%error, "the tickets cannot be looked at"),
            }
        }
    }

    /// Asks for tickets where they are overdue; answers where, in words.
    async fn look_at_tickets(&self, since: Timestamp) -> Result<Vec<String>, StorageError> {
        let mut overdue = Vec::new();
        for component in self.tokens.components.iter() {
            let now = Timestamp::now();
            let received_at = self.last_ticket(component).await;
            let Some(age) = overdue_for(received_at, since, now) else { continue };
            overdue.push(format!("component {component} has had no ticket for {} min", age.as_mins()));
            let turn = format!("turn/start_push_ticket/{component}");
            if take_turn(&self.tokens.log.storage, &turn, ASKED_ONCE_IN).await? {
                self.ask_for_tickets(component, age).await;
            }
        }
        Ok(overdue)
    }

    /// When the newest ticket came, if one ever did; the metrics show it.
    async fn last_ticket(&self, component: &ComponentId) -> Option<Timestamp> {
        let stream = StreamName::Component(component.clone());
        let snapshot = self.tokens.log.read(&stream).await.ok()?;
        let received_at = snapshot.state.component()?.ticket.as_ref()?.received_at;
        self.metrics.ticket_age_seconds(component, received_at);
        Some(received_at)
    }

    async fn ask_for_tickets(&self, component: &ComponentId, age: SignedDuration) {
        let Some(component_secret) = self.tokens.of_components.secret(component) else { return };
        let request = StartPushTicketRequest { component_appid: component, component_secret };
        let minutes = age.as_mins();
        match self.tokens.api.call(&request, None).await {
            Ok(_) => tracing::warn!(%component, minutes,
                "no ticket for {minutes} min: WeChat was asked to push them again, and will"),
            Err(error) => tracing::error!(%component, minutes,
                "no ticket for {minutes} min, and WeChat was asked in vain to push them again: {error}"),
        }
    }
}

/// For how long a ticket has been missing, if that is too long; `since` counts where none has ever come.
fn overdue_for(received_at: Option<Timestamp>, since: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    let age = now.duration_since(received_at.unwrap_or(since));
    (age > OVERDUE).then_some(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_overdue_after_25_minutes_and_so_is_the_first_one() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        assert_eq!(overdue_for(Some(at(10)), at(0), at(35)), None);
        assert_eq!(overdue_for(Some(at(10)), at(0), at(36)), Some(SignedDuration::from_mins(26)));
        assert_eq!(overdue_for(None, at(0), at(25)), None);
        assert_eq!(overdue_for(None, at(0), at(26)), Some(SignedDuration::from_mins(26)));
    }
}
