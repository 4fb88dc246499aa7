//! Subscribers over `RabbitMQ`: whoever joins, whenever, reads every event, whatever dies meanwhile.

mod on_servers {
    use std::collections::BTreeSet;

    use futures_util::StreamExt;
    use lapin::{
        BasicProperties, Channel, Connection, ConnectionProperties,
        options::{
            BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, QueueBindOptions,
            QueueDeclareOptions, QueueDeleteOptions,
        },
        types::{AMQPValue, FieldTable},
    };
    use serde_json::{Value, json};
    use tokio::time::timeout;

    use crate::world::{
        COMPONENT_A as A, Options, PATIENCE, Stack, World, own_servers::OwnServers, servers::Servers,
    };

    const EVENTS: &str = "mandate.events";
    const LOG: &str = "mandate.events.log";

    /// A service that subscribes.
    struct Subscriber {
        channel: Channel,
        _connection: Connection,
    }

    /// An event as it came.
    struct Delivered {
        event: Value,
        routing_key: String,
        properties: BasicProperties,
    }

    impl Delivered {
        fn position(&self) -> u64 {
            position(&self.event)
        }
    }

    fn position(event: &Value) -> u64 {
        event["sequence"].as_str().expect("a position").parse().expect("a number")
    }

    fn text(text: &str) -> AMQPValue {
        AMQPValue::LongString(text.into())
    }

    impl Subscriber {
        async fn of(world: &World) -> Self {
            let url = &world.options.servers.as_ref().expect("servers").broker_url;
            let connection =
                Connection::connect(url, ConnectionProperties::default()).await.expect("RabbitMQ");
            let channel = connection.create_channel().await.expect("a channel");
            Self { channel, _connection: connection }
        }

        /// A queue of this subscriber, bound with this key.
        async fn queue(&self, name: &str, key: &str, arguments: &[(&str, AMQPValue)]) {
            let mut table = FieldTable::default();
            for (name, value) in arguments {
                table.insert((*name).into(), value.clone());
            }
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            self.channel.queue_declare(name.into(), options, table).await.expect("a queue");
            let options = QueueBindOptions::default();
            let bound = self.channel.queue_bind(
                name.into(),
                EVENTS.into(),
                key.into(),
                options,
                FieldTable::default(),
            );
            bound.await.expect("a binding");
        }

        /// All that a queue holds.
        async fn drain(&self, queue: &str) -> Vec<Value> {
            let mut events = Vec::new();
            let options = BasicGetOptions { no_ack: true };
            while let Some(message) = self.channel.basic_get(queue.into(), options).await.expect("a queue") {
                events.push(serde_json::from_slice(&message.data).expect("JSON"));
            }
            events
        }

        /// The stream from its first message up to this position.
        async fn stream_up_to(&self, last: u64) -> Vec<Delivered> {
            self.channel.basic_qos(200, BasicQosOptions::default()).await.expect("a limit");
            let mut first = FieldTable::default();
            first.insert("x-stream-offset".into(), text("first"));
            let tag = format!("reader-{}", fastrand::u64(..));
            let consuming = self.channel.basic_consume(
                LOG.into(),
                tag.as_str().into(),
                BasicConsumeOptions::default(),
                first,
            );
            let mut consumer = consuming.await.expect("a stream");
            let mut seen = Vec::<Delivered>::new();
            while seen.last().is_none_or(|event| event.position() < last) {
                let next = timeout(PATIENCE, consumer.next()).await;
                let next = next.unwrap_or_else(|_| panic!("{} events, then nothing", seen.len()));
                let delivery = next.expect("it goes on").expect("a delivery");
                delivery.ack(BasicAckOptions::default()).await.expect("an acknowledgement");
                seen.push(Delivered {
                    event: serde_json::from_slice(&delivery.data).expect("JSON"),
                    routing_key: delivery.routing_key.to_string(),
                    properties: delivery.properties,
                });
            }
            seen
        }
    }

    /// The first sightings are the whole log, in its order; what comes again is the same.
    fn assert_complete(seen: &[Value], feed: &[Value]) {
        let mut next = 1;
        for event in seen {
            let position = position(event);
            assert!(position <= next, "after {} came {position}", next - 1);
            next = next.max(position + 1);
            let index = usize::try_from(position - 1).expect("a small number");
            assert_eq!(event, &feed[index]);
        }
        assert_eq!(next, feed.len() as u64 + 1, "the last events are missing");
    }

    fn events(seen: Vec<Delivered>) -> Vec<Value> {
        seen.into_iter().map(|delivered| delivered.event).collect()
    }

    /// Some merchants come and go.
    async fn a_day(world: &World) {
        for _ in 0..5 {
            let merchant = world.authorize(A).await;
            world.wait_status(A, &merchant, "authorized").await;
            world.again(A, &merchant, "update").await;
            world.again(A, &merchant, "revoke").await;
        }
    }

    /// Waits until the publisher has followed the log to its end.
    async fn published(world: &World) -> Vec<Value> {
        world.settle().await; // what comes later would be missed
        let feed = world.feed().await;
        let expected = format!("mandate_reader_position{{reader=\"publisher\"}} {}", feed.len());
        world
            .wait("everything to be published", async |world| {
                let metrics = world.try_get(&world.console_url("/metrics")).await?;
                metrics.as_str()?.lines().any(|line| line == expected).then_some(())
            })
            .await;
        feed
    }

    #[tokio::test]
    async fn a_subscriber_that_joins_late_reads_the_log_from_the_stream() {
        let world = World::on(Stack::Servers).await;
        world.ticket(A).await;
        let now = Subscriber::of(&world).await;
        now.queue("permissions", "authorization.permissions_changed.*.*", &[]).await;
        a_day(&world).await;
        let feed = published(&world).await;
        let late = Subscriber::of(&world).await;
        let seen = late.stream_up_to(feed.len() as u64).await;
        let log_id = world.api("/events?limit=1").await["log_id"].as_str().expect("a name").to_owned();
        for Delivered { event, routing_key, properties } in &seen {
            let kind = event["type"].as_str().expect("a type");
            let name = kind.trim_start_matches("mandate.").trim_end_matches(".v1");
            let account = event["data"]["authorizer"].as_str().map_or(String::new(), |id| format!(".{id}"));
            assert_eq!(routing_key, &format!("{name}.{A}{account}"));
            let property =
                |value: &Option<lapin::types::ShortString>| value.as_ref().expect("set").to_string();
            assert_eq!(property(properties.message_id()), event["id"].as_str().expect("an id"));
            assert_eq!(property(properties.kind()), kind);
            assert_eq!(property(properties.content_type()), "application/cloudevents+json");
            assert_eq!(
                (property(properties.app_id()), properties.delivery_mode()),
                ("mandate".into(), &Some(2))
            );
            let headers = properties.headers().as_ref().expect("headers");
            assert_eq!(headers.inner().get("log_id"), Some(&text(&log_id)));
        }
        assert_eq!(events(seen), feed, "each once");
        let filtered: Vec<Value> = feed
            .iter()
            .filter(|event| event["type"] == "mandate.authorization.permissions_changed.v1")
            .cloned()
            .collect();
        assert_eq!(now.drain("permissions").await, filtered);
        world.finish().await;
    }

    #[tokio::test]
    async fn a_subscribers_full_queue_stops_nobody_else() {
        let world = World::on(Stack::Servers).await;
        let subscriber = Subscriber::of(&world).await;
        let narrow = [("x-max-length", AMQPValue::LongInt(3)), ("x-overflow", text("reject-publish"))];
        world.ticket(A).await;
        published(&world).await; // the exchange is there
        subscriber.queue("narrow", "#", &narrow).await;
        subscriber.queue("wide", "#", &[]).await;
        a_day(&world).await;
        let feed = published(&world).await;
        assert_complete(&events(subscriber.stream_up_to(feed.len() as u64).await), &feed);
        let wide: BTreeSet<u64> = subscriber.drain("wide").await.iter().map(position).collect();
        assert_eq!(wide, (2..=feed.len() as u64).collect::<BTreeSet<_>>());
        let metrics = world.try_get(&world.console_url("/metrics")).await.expect("metrics");
        let refused = metrics
            .as_str()
            .expect("text")
            .lines()
            .find_map(|line| line.strip_prefix("mandate_publisher_refused_total ")?.parse::<u64>().ok());
        assert!(refused.is_some_and(|refused| refused > 0), "{refused:?}");

        let deleted = subscriber.channel.queue_delete("narrow".into(), QueueDeleteOptions::default()).await;
        deleted.expect("it is deleted");
        let again = world.command_json(&["events", "republish", "--from", "2", "--to", "9"]);
        assert_eq!(again, json!({ "from": 2, "to": 9 }));
        let wide: Vec<u64> = subscriber.drain("wide").await.iter().map(position).collect();
        assert_eq!(wide, (2..=9).collect::<Vec<_>>());
        for nonsense in [["--from", "0"], ["--from", "9999"]] {
            let (code, _, error) = world.command(&[&["events", "republish"], &nonsense[..]].concat());
            assert_eq!(code, 2, "{error}");
        }
        world.finish().await;
    }

    #[tokio::test]
    async fn broker_and_worker_are_killed_and_the_brokers_disk_is_lost() {
        let mut servers = OwnServers::start().await;
        let names = Servers::on(&servers.postgres_url(), &servers.rabbitmq_url()).await;
        let mut world = World::with(Options { servers: Some(names), ..Options::new() }).await;
        world.ticket(A).await;
        let queue =
            format!("{}_mandate.inbox.callbacks", world.options.servers.as_ref().expect("servers").vhost());
        world.wait("the queues to last", async |_| servers.rabbitmq.has_noted(&queue).then_some(())).await;
        for _ in 0..2 {
            let merchant = world.authorize(A).await;
            servers.rabbitmq.kill();
            servers.rabbitmq.restart().await;
            world.kill_worker().await;
            world.start_worker().await;
            world.wait_status(A, &merchant, "authorized").await;
        }
        a_day(&world).await;
        let feed = published(&world).await;
        let seen = Subscriber::of(&world).await.stream_up_to(feed.len() as u64).await;
        assert_complete(&events(seen), &feed);

        servers.rabbitmq.kill();
        servers.rabbitmq.wipe();
        servers.rabbitmq.restart().await;
        world.options.servers.as_ref().expect("servers").make_vhost().await;
        world.wait_ready().await;
        a_day(&world).await;
        let feed = published(&world).await;
        let seen = Subscriber::of(&world).await.stream_up_to(feed.len() as u64).await;
        assert_complete(&events(seen), &feed);
        world.finish().await;
    }

    #[tokio::test]
    async fn another_worker_goes_on_when_the_publisher_is_killed() {
        let mut world = World::on(Stack::Servers).await;
        world.ticket(A).await;
        a_day(&world).await;
        published(&world).await;
        let (other, url) = world.another_worker().await;
        world.kill_worker().await;
        let merchant = world.authorize(A).await;
        world
            .wait("the other one to publish", async |world| {
                let metrics = world.try_get(&format!("{url}/metrics")).await?;
                let metrics = metrics.as_str()?;
                let value = |name: &str| {
                    metrics.lines().find_map(|line| line.strip_prefix(name)?.parse::<u64>().ok())
                };
                let followed = value("mandate_reader_position{reader=\"publisher\"} ")?;
                (Some(followed) == value("mandate_log_position ")).then_some(())
            })
            .await;
        other.terminate();
        other.wait().await;
        world.start_worker().await;
        world.wait_status(A, &merchant, "authorized").await;
        let feed = published(&world).await;
        let seen = Subscriber::of(&world).await.stream_up_to(feed.len() as u64).await;
        assert_complete(&events(seen), &feed);
        world.finish().await;
    }
}
