//! Follows Mandate's events in `RabbitMQ`'s stream queue, with lapin.
//!
//! `AMQP_URL` is the broker, `STATE` a file of this subscriber. Its work is a line for each event, the last one is the checkpoint: a
//! crash neither loses an event nor does its work twice. After a restore (header `log_id` is another) begin with a new file.

use std::{env, fs::OpenOptions, io::Write, time::Duration};

use futures_util::StreamExt;
use lapin::{Connection, ConnectionProperties, Consumer, options, types};
use tokio::time::{sleep, timeout};

/// A broker that dies may leave a call without any answer, and silence may be its death: a new connection costs little.
const LIMIT: Duration = Duration::from_secs(20);

async fn open(start: types::AMQPValue) -> anyhow::Result<(Connection, Consumer)> {
    let connection = Connection::connect(&env::var("AMQP_URL")?, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(100, options::BasicQosOptions::default()).await?;
    let mut arguments = types::FieldTable::default();
    arguments.insert("x-stream-offset".into(), start);
    let (log, tag, options) = ("mandate.events.log", "subscriber", options::BasicConsumeOptions::default());
    let consumer = channel.basic_consume(log.into(), tag.into(), options, arguments).await?;
    Ok((connection, consumer))
}

async fn follow(state: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(state).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)]; // a line that was cut off was not done
    let mut done = OpenOptions::new().create(true).append(true).open(state)?;
    done.set_len(whole.len() as u64)?;
    let (last, time) = whole.lines().last().and_then(|line| line.split_once('\t')).unwrap_or(("0", ""));
    let mut last: u64 = last.parse()?;
    // A little before the last event: a stream begins at a time, and what comes again is known by its sequence.
    let start = match time.parse::<jiff::Timestamp>() {
        Ok(time) => types::AMQPValue::Timestamp(time.as_second().cast_unsigned() - 60),
        Err(_) => types::AMQPValue::LongString("first".into()),
    };
    let (_connection, mut events) = timeout(LIMIT, open(start)).await??;
    while let Some(delivery) = timeout(LIMIT, events.next()).await?.transpose()? {
        let event: serde_json::Value = serde_json::from_slice(&delivery.data)?;
        let next: u64 = event["sequence"].as_str().unwrap_or_default().parse()?;
        anyhow::ensure!(last == 0 || next <= last + 1, "events behind {last} are missing: read the feed");
        if next > last {
            let time = event["recordedtime"].as_str().unwrap_or_default();
            done.write_all(format!("{next}\t{time}\n").as_bytes())?; // your work
            last = next;
        }
        timeout(LIMIT, delivery.ack(options::BasicAckOptions::default())).await??;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    loop {
        writeln!(std::io::stderr(), "RabbitMQ is away: {:?}", follow(&env::var("STATE")?).await)?;
        sleep(Duration::from_secs(1)).await;
    }
}
