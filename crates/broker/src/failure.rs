//! What went wrong with `RabbitMQ`, in one line for operators.

use std::{future::Future, io, time::Duration};

use lapin::{ErrorKind, protocol::AMQPError};
use tokio::time::timeout;

/// How long one answer of `RabbitMQ` may take.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The longest text of `RabbitMQ` that is passed on, in characters.
const LONGEST_TEXT: usize = 300;

/// Why there is no connection, or no longer one. The text is made here or by `RabbitMQ`: it holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `RabbitMQ` did not do `what` in time.
    pub(crate) fn slow(what: &str, limit: Duration) -> Self {
        Self(format!("RabbitMQ did not {what} within {limit:?}"))
    }
}

impl From<&lapin::Error> for Failure {
    fn from(error: &lapin::Error) -> Self {
        Self(match error.kind() {
            ErrorKind::IOError(error) => io_text(error),
            ErrorKind::ProtocolError(error) => protocol_text(error),
            ErrorKind::MissingHeartbeatError => "RabbitMQ is silent: no heartbeat".to_owned(),
            ErrorKind::InvalidChannel(_)
            | ErrorKind::InvalidChannelState(..)
            | ErrorKind::InvalidConnectionState(_) => "the connection is closed".to_owned(),
            ErrorKind::RuntimeShutdownError(_) => "the process ends".to_owned(),
            ErrorKind::ChannelsLimitReached => "RabbitMQ allows no more channels".to_owned(),
            ErrorKind::InvalidProtocolVersion(_) | ErrorKind::ParsingError(_) => {
                "what answers does not speak AMQP 0.9.1; check host and port".to_owned()
            }
            // The others are about our side, and lapin may add some; their texts may repeat what they were given.
            _ => "the AMQP client failed".to_owned(),
        })
    }
}

impl From<lapin::Error> for Failure {
    fn from(error: lapin::Error) -> Self {
        Self::from(&error)
    }
}

/// Waits for one answer of `RabbitMQ`, but not for ever: lapin has no limits of its own.
pub(crate) async fn answer<T>(
    what: &str,
    asking: impl Future<Output = lapin::Result<T>>,
) -> Result<lapin::Result<T>, Failure> {
    timeout(ANSWER_LIMIT, asking).await.map_err(|_elapsed| Failure::slow(what, ANSWER_LIMIT))
}

/// What `RabbitMQ` said when it closed a channel or the connection.
pub(crate) fn said(error: &AMQPError) -> String {
    error.get_message().as_str().chars().take(LONGEST_TEXT).collect()
}

fn protocol_text(error: &AMQPError) -> String {
    let cure = match error.get_id() {
        403 => "; check user, password and the user's permissions",
        530 => "; check that the vhost exists and that the user may use it",
        _ => "",
    };
    format!("RabbitMQ said \"{}\"{cure}", said(error))
}

fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    let cure = if text.contains("UnknownIssuer") {
        "; name the CA that signed RabbitMQ's certificate"
    } else {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => "; check host and port, and that RabbitMQ runs",
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {
                "; RabbitMQ ended, or something in between cut the connection"
            }
            _ => "",
        }
    };
    format!("{text}{cure}")
}

#[cfg(test)]
mod tests {
    use lapin::protocol::{AMQPHardError, AMQPSoftError};

    use super::*;

    fn told(kind: ErrorKind) -> String {
        Failure::from(&lapin::Error::from(kind)).0
    }

    #[test]
    fn refusals_name_what_to_check() {
        let refused = AMQPError::new(AMQPSoftError::ACCESSREFUSED.into(), "Login was refused".into());
        let text = told(ErrorKind::ProtocolError(refused));
        assert!(text.contains("Login was refused") && text.contains("check user, password"), "{text}");
        let vhost = AMQPError::new(AMQPHardError::NOTALLOWED.into(), "vhost none not found".into());
        assert!(told(ErrorKind::ProtocolError(vhost)).contains("check that the vhost exists"));
    }

    #[test]
    fn errors_of_the_client_are_not_repeated() {
        assert_eq!(told(ErrorKind::AuthProviderError("guest:hunter2".into())), "the AMQP client failed");
    }

    #[test]
    fn an_unknown_ca_is_told_with_its_cure() {
        let error = io::Error::other("invalid peer certificate: UnknownIssuer");
        assert!(told(ErrorKind::IOError(error.into())).contains("name the CA"));
    }
}
