//! The newest message of a stream: what whoever publishes into it goes on behind.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;

use crate::{
    connection::Line,
    failure::{Failure, answer},
    outgoing::LOG_ID,
};

/// A stream gives deliveries only for acknowledgements, and no more at once than this.
const PREFETCH: u16 = 500;
/// How long the first message of the last chunk may take to come, when there is one.
const FIRST: Duration = Duration::from_secs(5);
/// After how long without another one the chunk is over.
const NEXT: Duration = Duration::from_millis(250);
const TAG: &str = "mandate-tail";

/// A message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMessage {
    /// Its body.
    pub body: Vec<u8>,
    /// The log that it is of, from its header `log_id`.
    pub log_id: Option<String>,
}

/// The last message of a stream; `None`: it is empty. A stream begins to deliver at a chunk of messages, not at a single one.
pub(crate) async fn last_message(line: &Line, stream: &str) -> Result<Option<LastMessage>, Failure> {
    let channel = line.channel().await?;
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let found = channel.queue_declare(stream.into(), options, FieldTable::default());
    let is_empty = answer("find a stream", found).await??.message_count() == 0;
    let last = if is_empty {
        None
    } else {
        answer("limit deliveries", channel.basic_qos(PREFETCH, BasicQosOptions::default())).await??;
        let mut from_last = FieldTable::default();
        from_last.insert("x-stream-offset".into(), AMQPValue::LongString("last".into()));
        let consuming =
            channel.basic_consume(stream.into(), TAG.into(), BasicConsumeOptions::default(), from_last);
        let mut consumer = answer("begin to deliver", consuming).await??;
        Some(newest(&mut consumer).await?)
    };
    answer("close a channel", channel.close(200, "OK".into())).await??;
    Ok(last)
}

async fn newest(consumer: &mut Consumer) -> Result<LastMessage, Failure> {
    let Some(mut newest) = next(consumer, FIRST).await? else {
        return Err(Failure::new("a stream that is not empty delivers nothing"));
    };
    while let Some(delivery) = next(consumer, NEXT).await? {
        newest = delivery;
    }
    let headers = newest.properties.headers();
    let log_id = headers.as_ref().and_then(|headers| match headers.inner().get(LOG_ID)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        _ => None,
    });
    Ok(LastMessage { body: newest.data, log_id })
}

async fn next(consumer: &mut Consumer, patience: Duration) -> Result<Option<Delivery>, Failure> {
    let Ok(next) = timeout(patience, consumer.next()).await else { return Ok(None) };
    let delivery = next.ok_or_else(|| Failure::new("RabbitMQ ended the consumer of a stream"))??;
    answer("take an acknowledgement", delivery.ack(BasicAckOptions::default())).await??;
    Ok(Some(delivery))
}
