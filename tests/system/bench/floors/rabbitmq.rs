//! A bare publisher: the same messages, persistent, mandatory and confirmed, as many under way as help.

use std::{cell::RefCell, collections::VecDeque, time::Instant};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};

const EXCHANGE: &str = "mandate.inbox";
const KEY: &str = "callback";
const QUEUE: &str = "mandate.inbox.callbacks";
/// Messages without a confirm at most.
const WINDOW: usize = 1024;

/// A message of the inbox.
#[derive(Clone)]
pub(crate) struct Published {
    body: Vec<u8>,
    properties: BasicProperties,
}

/// A connection to a bed's queues.
pub(crate) struct Queues {
    connection: Connection,
    /// Asks; a new one after an answer that closed it.
    asking: RefCell<Channel>,
}

impl Queues {
    pub(crate) async fn open(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("RabbitMQ");
        let asking = RefCell::new(connection.create_channel().await.expect("a channel"));
        Self { connection, asking }
    }

    /// Messages that wait in the inbox; 0 while there is none.
    pub(crate) async fn waiting(&self) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = self.asking.borrow().clone();
        match channel.queue_declare(QUEUE.into(), options, FieldTable::default()).await {
            Ok(queue) => queue.message_count(),
            Err(_not_there) => {
                let another = self.connection.create_channel().await.expect("a channel");
                self.asking.replace(another);
                0
            }
        }
    }

    /// Takes so many messages out.
    pub(crate) async fn take(&self, count: u32) -> Vec<Published> {
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let channel = self.connection.create_channel().await.expect("a channel");
        let consumer = channel.basic_consume(QUEUE.into(), "bench".into(), options, FieldTable::default());
        let consumer = consumer.await.expect("a consumer");
        let published = consumer.take(count as usize).map(|delivery| {
            let delivery = delivery.expect("a delivery");
            Published { body: delivery.data, properties: delivery.properties }
        });
        let published = published.collect().await;
        channel.close(200, "taken".into()).await.expect("it goes");
        published
    }

    /// Publishes all; messages per second, from the first one to the last confirm.
    pub(crate) async fn publish(&self, messages: &[Published]) -> f64 {
        let channel = self.connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let mut under_way = VecDeque::with_capacity(WINDOW);
        let began = Instant::now();
        for message in messages {
            if under_way.len() == WINDOW {
                confirmed(under_way.pop_front().expect("a full window")).await;
            }
            let properties = message.properties.clone();
            let sent = channel.basic_publish(EXCHANGE.into(), KEY.into(), options, &message.body, properties);
            under_way.push_back(sent.await.expect("it is sent"));
        }
        for confirm in under_way {
            confirmed(confirm).await;
        }
        f64::from(u32::try_from(messages.len()).expect("a small load")) / began.elapsed().as_secs_f64()
    }

    pub(crate) async fn close(self) {
        self.connection.close(200, "done".into()).await.ok();
    }
}

async fn confirmed(confirm: impl Future<Output = lapin::Result<Confirmation>>) {
    assert!(matches!(confirm.await, Ok(Confirmation::Ack(None))), "every message is confirmed");
}
