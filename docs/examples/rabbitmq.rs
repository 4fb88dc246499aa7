//! Follows Mandate's events in `RabbitMQ`'s stream queue, with lapin.
//!
//! `AMQP_URL` is the broker, `STATE` a file of this subscriber. Its work is a line for each event, the last one is the checkpoint: a
//! crash neither loses an event nor does its work twice. After a restore (header `log_id` is another) begin with a new file.

use std::{env, fs::OpenOptions, io::Write, time::Duration};

use futures_util::StreamExt;
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use serde_json::{Value, json};

async fn follow(state: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(state).unwrap_or_default();
    let number = |event: &Value| event["sequence"].as_str().map_or(Ok(0), str::parse::<u64>);
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)]; // a line that was cut off was not done
    let mut last: Value = whole.lines().last().map_or(Ok(Value::Null), serde_json::from_str)?;
    let mut done = OpenOptions::new().create(true).append(true).open(state)?;
    done.set_len(whole.len() as u64)?;
    let connection = Connection::connect(&env::var("AMQP_URL")?, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(100, BasicQosOptions::default()).await?;
    // A little before the last event: a stream begins at a time, and what comes again is known by its sequence.
    let start = match last["recordedtime"].as_str() {
        Some(time) => AMQPValue::Timestamp(time.parse::<jiff::Timestamp>()?.as_second().cast_unsigned() - 60),
        None => AMQPValue::LongString("first".into()),
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), start);
    let (log, tag) = ("mandate.events.log".into(), "subscriber".into());
    let mut events = channel.basic_consume(log, tag, BasicConsumeOptions::default(), arguments).await?;
    while let Some(delivery) = events.next().await {
        let delivery = delivery?;
        let event: Value = serde_json::from_slice(&delivery.data)?;
        let (next, before) = (number(&event)?, number(&last)?);
        anyhow::ensure!(
            before == 0 || next <= before + 1,
            "events behind {before} are missing: read the feed"
        );
        if next > before {
            last = json!({ "sequence": event["sequence"], "recordedtime": event["recordedtime"] });
            done.write_all(format!("{last}\n").as_bytes())?; // your work
        }
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    loop {
        let ended = follow(&env::var("STATE")?).await;
        writeln!(std::io::stderr(), "RabbitMQ is away: {ended:?}")?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
