//! The messages that are on their way at once, and what became of them.

use lapin::{Channel, Confirmation, message::BasicReturnMessage, options::BasicPublishOptions};

use crate::{error::PublishError, failure::Failure, outgoing::Outgoing};

/// Messages on their way at once: more gain little and wait longer.
pub(crate) const WINDOW: usize = 128;

/// What must be on disk or known to be nowhere before the next window. `mandatory`: what no queue takes comes back.
const OPTIONS: BasicPublishOptions = BasicPublishOptions { mandatory: true, immediate: false };

/// Sends all and waits for each. lapin ties a returned message to any confirm of the window, so the window is judged as a
/// whole, and the message is known by what it carries.
pub(crate) async fn publish_window(channel: &Channel, window: &[Outgoing]) -> Result<(), PublishError> {
    let mut confirms = Vec::with_capacity(window.len());
    for outgoing in window {
        let sent = channel
            .basic_publish(
                outgoing.exchange.into(),
                outgoing.routing_key.as_str().into(),
                OPTIONS,
                &outgoing.body,
                outgoing.properties(),
            )
            .await;
        confirms.push(sent.map_err(unknown)?);
    }
    let mut answers = Vec::with_capacity(confirms.len());
    for confirm in confirms {
        answers.push(confirm.await.map_err(unknown)?);
    }
    judge(answers)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn unknown(error: lapin::Error) -> PublishError {
    PublishError::Unknown { reason: Failure::from(&error).0 }
}

/// Success is nothing but an acknowledgement without a returned message, for all.
fn judge(answers: Vec<Confirmation>) -> Result<(), PublishError> {
    let mut refused = 0;
    let mut unconfirmed = false;
    let mut returned = None;
    for answer in answers {
        match answer {
            Confirmation::Ack(message) => returned = returned.or(message),
            Confirmation::Nack(message) => {
                refused += 1;
                returned = returned.or(message);
            }
            Confirmation::NotRequested => unconfirmed = true,
        }
    }
    if let Some(message) = returned {
        return Err(named(&message));
    }
    if unconfirmed {
        return Err(PublishError::Unknown { reason: "the channel does not confirm".to_owned() });
    }
    if refused > 0 { Err(PublishError::Refused { count: refused }) } else { Ok(()) }
}

fn named(message: &BasicReturnMessage) -> PublishError {
    let id = message.properties.message_id().as_ref().map_or_else(String::new, |id| id.as_str().to_owned());
    PublishError::Returned {
        id,
        exchange: message.exchange.as_str().to_owned(),
        routing_key: message.routing_key.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_good_if_each_message_is_acknowledged() {
        assert_eq!(judge(vec![Confirmation::Ack(None), Confirmation::Ack(None)]), Ok(()));
    }

    #[test]
    fn one_refused_message_makes_the_window_refused() {
        let answers = vec![Confirmation::Ack(None), Confirmation::Nack(None), Confirmation::Ack(None)];
        assert_eq!(judge(answers), Err(PublishError::Refused { count: 1 }));
    }

    #[test]
    fn a_confirm_that_was_not_asked_for_is_no_success() {
        let outcome = judge(vec![Confirmation::Ack(None), Confirmation::NotRequested]);
        assert!(matches!(outcome, Err(PublishError::Unknown { .. })), "{outcome:?}");
    }
}
