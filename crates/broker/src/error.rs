//! Why messages are not known to be in `RabbitMQ`.

/// Why a batch is not known to be in `RabbitMQ`. It is safe to publish the whole batch again: ids make it idempotent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Nothing of the batch was sent.
    #[error("nothing was published: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// `RabbitMQ` refused messages; others of the batch may be there.
    #[error("RabbitMQ refused {count} messages; a queue is full")]
    Refused {
        /// How many.
        count: usize,
    },
    /// A message went to no queue; others of the batch may be there.
    #[error(
        "no queue takes messages from exchange {exchange} with routing key {routing_key}; look at its bindings"
    )]
    Returned {
        /// The id of the message.
        id: String,
        /// Where it was sent.
        exchange: String,
        /// With this key.
        routing_key: String,
    },
    /// Nobody knows what became of the batch.
    #[error("it is not known what became of the messages: {reason}")]
    Unknown {
        /// Why.
        reason: String,
    },
}
