//! What the worker does with callbacks from the inbox.

use std::{error::Error, fmt, future::Future};

use lapin::{protocol::basic::AMQPProperties, types::AMQPValue};
use mandate_schema::CallbackId;
use uuid::Uuid;

/// How often the broker delivered a message before.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// Deals with callbacks from the inbox.
pub trait Inbox: Send + Sync + 'static {
    /// Deals with a batch. `Ok`: each has an outcome, all are acknowledged. It is dropped unfinished when the
    /// connection is lost or a stop does not wait for it any longer; the batch comes again then.
    ///
    /// # Errors
    ///
    /// None is acknowledged; the same batch comes again after a pause, and nothing new is taken meanwhile.
    fn handle(
        &self,
        batch: &[Delivery],
    ) -> impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send;
}

/// A message of the inbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The `message_id`: a hint, since whoever may publish can set it; `None` if it is no callback id.
    pub id: Option<CallbackId>,
    /// The body as it came.
    pub body: Vec<u8>,
    /// How often it was delivered before without an acknowledgement.
    pub redelivered: u32,
}

impl Delivery {
    pub(crate) fn new(properties: &AMQPProperties, body: Vec<u8>) -> Self {
        let id = properties.message_id().as_ref().and_then(|id| Uuid::parse_str(id.as_str()).ok());
        Self { id: id.map(CallbackId), body, redelivered: redelivered(properties).unwrap_or(0) }
    }
}

impl fmt::Debug for Delivery {
    /// Leaves the body out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// The header is not there at the first delivery. Which integer it is depends on the broker.
fn redelivered(properties: &AMQPProperties) -> Option<u32> {
    let count = match properties.headers().as_ref()?.inner().get(DELIVERY_COUNT)? {
        AMQPValue::ShortShortInt(count) => i64::from(*count),
        AMQPValue::ShortShortUInt(count) => i64::from(*count),
        AMQPValue::ShortInt(count) => i64::from(*count),
        AMQPValue::ShortUInt(count) => i64::from(*count),
        AMQPValue::LongInt(count) => i64::from(*count),
        AMQPValue::LongUInt(count) => i64::from(*count),
        AMQPValue::LongLongInt(count) => *count,
        _ => return None, // lapin's own enum: no count is written as any other of them
    };
    Some(u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldTable;

    use super::*;

    fn counted(count: AMQPValue) -> u32 {
        let mut headers = FieldTable::default();
        headers.insert(DELIVERY_COUNT.into(), count);
        Delivery::new(&AMQPProperties::default().with_headers(headers), Vec::new()).redelivered
    }

    #[test]
    fn deliveries_before_this_one_are_counted_by_the_broker() {
        assert_eq!(counted(AMQPValue::LongLongInt(3)), 3);
        assert_eq!(counted(AMQPValue::ShortShortUInt(3)), 3);
        assert_eq!(counted(AMQPValue::LongLongInt(i64::MAX)), u32::MAX);
        assert_eq!(counted(AMQPValue::LongString("3".into())), 0);
        assert_eq!(Delivery::new(&AMQPProperties::default(), Vec::new()).redelivered, 0);
    }

    #[test]
    fn an_id_that_is_no_callback_id_is_no_hint() {
        let with_id =
            |id: &str| Delivery::new(&AMQPProperties::default().with_message_id(id.into()), Vec::new()).id;
        assert_eq!(with_id("00000000-0000-0000-0000-000000000007"), Some(CallbackId(Uuid::from_u128(7))));
        assert_eq!(with_id("no uuid"), None);
    }
}
