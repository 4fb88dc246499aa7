//! The customer-service messages that were sent.

use jiff::Timestamp;
use mandate_schema::{AuthorizerId, ComponentId};
use serde::Serialize;

use super::remembered::Remembered;

/// The newest messages.
pub(crate) type Sent = Remembered<SentMessage, 10_000>;

/// A message of an account to one of its users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentMessage {
    /// The platform that sent it.
    pub component: ComponentId,
    /// The account whose token it used.
    pub authorizer: AuthorizerId,
    /// Openid of the user.
    pub to_user: String,
    /// `text`, `image` and so on.
    pub msg_type: String,
    /// The text; empty if it is none.
    pub content: String,
    /// When, by the simulator's clock.
    pub at: Timestamp,
}
