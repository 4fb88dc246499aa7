//! What stands between ingress and the log goes away, is emptied, or lies: that costs delay, and nothing else.

mod on_servers {
    use std::time::Duration;

    use mandate_storage::CommandOutcome;
    use reqwest::Method;
    use serde_json::json;
    use tokio::time::{Instant, sleep};

    use crate::{
        load::Load,
        world::{
            COMPONENT_A as A, Options, PATIENCE, Stack, Weight, World, own_servers::OwnServers,
            servers::Servers,
        },
    };

    /// How long each of them is away.
    const AWAY: Duration = Duration::from_secs(20);
    const INBOX: &str = "mandate.inbox.callbacks";

    async fn world_on(servers: &OwnServers, weight: Weight) -> World {
        let names = Servers::on(&servers.postgres_url(), &servers.rabbitmq_url()).await;
        World::with(Options { servers: Some(names), weight, ..Options::new() }).await
    }

    /// Waits while the load goes on.
    async fn away(load: &Load) {
        let (until, before) = (Instant::now() + AWAY, load.pushed());
        while Instant::now() < until {
            sleep(Duration::from_millis(50)).await; // the time itself is what is tested
        }
        assert!(load.pushed() > before + 20, "there was no load: {before} pushes, then {}", load.pushed());
    }

    #[tokio::test]
    async fn broker_database_and_wechat_are_away_in_turn_and_every_push_is_answered_at_once() {
        let servers = OwnServers::start().await;
        let world = world_on(&servers, Weight::Usual).await;
        world.ticket(A).await;
        let load = Load::trickle(&world);
        let workers = load.start();
        for server in [&servers.rabbitmq, &servers.postgres] {
            server.freeze();
            away(&load).await;
            server.thaw();
            world.wait_ready().await;
        }
        world.control("faults", json!({"kind": "drop_before", "times": 1_000_000})).await;
        away(&load).await;
        world.clear_faults().await;
        workers.stop().await;
        load.assert_all_answered_at_once();
        world.settle().await;
        load.check(&world).await;
        world.finish().await;
    }

    /// Callbacks that wait in the inbox while no worker runs; answers how many.
    async fn wait_in_inbox(world: &mut World) -> Vec<String> {
        world.ticket(A).await;
        world.settle().await;
        world.kill_worker().await;
        let mut merchants = Vec::new();
        for _ in 0..20 {
            merchants.push(world.authorize(A).await);
        }
        world
            .wait("all to be handed over", async |world| {
                let (_, out, _) = world.command(&["journal", "status", "-o", "json"]);
                let status: serde_json::Value = serde_json::from_str(&out).ok()?;
                (status["new"] == 0 && status["handed_over"].as_u64()? >= 20).then_some(())
            })
            .await;
        merchants
    }

    /// After a minute without an outcome the journal hands them over again.
    async fn all_authorized(world: &World, merchants: &[String]) {
        let deadline = Instant::now() + Duration::from_secs(75) + PATIENCE;
        for merchant in merchants {
            while world.authorizer(A, merchant).await["status"] != "authorized" {
                assert!(Instant::now() < deadline, "{merchant} was lost\n{}", world.logs());
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    #[tokio::test]
    async fn a_broker_that_lost_its_disk_costs_a_minute() {
        let mut servers = OwnServers::start().await;
        let mut world = world_on(&servers, Weight::None).await;
        let merchants = wait_in_inbox(&mut world).await;
        servers.rabbitmq.kill();
        servers.rabbitmq.wipe();
        servers.rabbitmq.restart().await;
        world.options.servers.as_ref().expect("servers").make_vhost().await;
        world.start_worker().await;
        all_authorized(&world, &merchants).await;
        world.finish().await;
    }

    #[tokio::test]
    async fn an_inbox_that_was_purged_by_hand_costs_a_minute() {
        let mut world = World::with(Options::on(Stack::Servers).await.weighing(Weight::None)).await;
        let merchants = wait_in_inbox(&mut world).await;
        let servers = world.options.servers.clone().expect("servers");
        let path = format!("queues/{}/{INBOX}/contents", servers.vhost());
        servers.manage(Method::DELETE, &path, &json!({})).await;
        world.start_worker().await;
        all_authorized(&world, &merchants).await;
        world.finish().await;
    }

    #[tokio::test]
    async fn an_inbox_with_foreign_arguments_is_told_and_used() {
        let options = Options::on(Stack::Servers).await;
        let servers = options.servers.clone().expect("servers");
        let foreign = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
        let path = format!("queues/{}/{INBOX}", servers.vhost());
        servers.manage(Method::PUT, &path, &foreign).await;
        let world = World::with(options).await;
        world.ticket(A).await;
        let merchant = world.authorize(A).await;
        world.wait_status(A, &merchant, "authorized").await;
        let log = std::fs::read_to_string(world.folder().join("service.log")).expect("a log");
        assert!(log.lines().any(|line| line.contains("ERROR") && line.contains(INBOX)), "{log}");
        world.finish().await;
    }

    #[tokio::test]
    async fn a_forged_message_in_the_inbox_is_worth_nothing() {
        let mut world = World::on(Stack::Servers).await;
        world.ticket(A).await;
        world.settle().await;
        let before = world.feed().await.len();
        let servers = world.options.servers.clone().expect("servers");
        let forged = json!({
            "component": A, "authorizer": null, "pair": "00000000", "query": "timestamp=1&nonce=2&msg_signature=3",
            "body": "<xml><Encrypt>AAAA</Encrypt></xml>", "received_at": "2026-11-22T00:00:00Z"
        });
        let known = world.pair_id();
        let signed_wrong = json!({"pair": known, "component": A, "authorizer": null,
            "query": "timestamp=1&nonce=2&msg_signature=3&encrypt_type=aes",
            "body": "<xml><Encrypt>AAAA</Encrypt></xml>", "received_at": "2026-11-22T00:00:00Z"});
        for (id, payload) in [
            ("019b0000-0000-8000-8000-000000000001", forged.to_string()),
            ("019b0000-0000-8000-8000-000000000002", signed_wrong.to_string()),
            ("019b0000-0000-8000-8000-000000000003", "this is no callback".to_owned()),
            ("not an id", "{}".to_owned()),
        ] {
            let body = json!({"properties": {"message_id": id, "delivery_mode": 2}, "routing_key": "callback",
                "payload": payload, "payload_encoding": "string"});
            let path = format!("exchanges/{}/mandate.inbox/publish", servers.vhost());
            let answer = servers.manage(Method::POST, &path, &body).await;
            assert!(answer.contains("true"), "it is routed: {answer}");
        }
        world
            .wait("two dead letters", async |world| {
                let letters = world.api("/dead-letters").await;
                (letters["data"].as_array()?.len() == 2).then_some(())
            })
            .await;
        let merchant = world.authorize(A).await;
        world.wait_status(A, &merchant, "authorized").await;
        let dead = world.api("/dead-letters").await;
        let reasons: Vec<&str> = dead["data"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|letter| letter["reason"].as_str())
            .collect();
        assert_eq!(reasons, ["unknown_pair", "bad_signature"]);
        assert!(world.feed().await.len() > before);
        let ids = vec!["019b0000-0000-8000-8000-000000000002".parse().expect("a UUID")];
        let outcome = world.storage().await.outcomes(ids).await.expect("the store answers");
        assert_eq!(outcome[0].outcome, CommandOutcome::Dead);
        world.expected_dead_letters = 2;
        world.finish().await;
    }

    #[tokio::test]
    async fn messages_reach_their_stream_and_are_settled_by_the_confirm() {
        let world = World::on(Stack::Servers).await;
        world.ticket(A).await;
        let merchant = world.authorize(A).await;
        world.wait_status(A, &merchant, "authorized").await;
        let pushed = world
            .push(json!({"component": A, "authorizer": merchant, "msg_type": "text", "fields": {"Content": "你好 ]]>"}}))
            .await;
        crate::world::act::assert_accepted(&pushed);
        let servers = world.options.servers.clone().expect("servers");
        let path = format!("queues/{}/mandate.messages.log", servers.vhost());
        world
            .wait("the message in its stream", async |_| {
                let queue = servers.manage(Method::GET, &path, &json!({})).await;
                let queue: serde_json::Value = serde_json::from_str(&queue).ok()?;
                (queue["messages"].as_u64()? == 1).then_some(())
            })
            .await;
        world.finish().await;
    }

    #[tokio::test]
    async fn a_second_worker_takes_over_from_the_first() {
        let mut world = World::on(Stack::Servers).await;
        world.ticket(A).await;
        let (second, _) = world.another_worker().await;
        let before = world.authorize(A).await;
        world.wait_status(A, &before, "authorized").await;
        world.kill_worker().await;
        let after = world.authorize(A).await;
        // The API of the first one is gone: the database knows.
        world
            .wait("the second worker to work", async |world| {
                let (_, out, _) = world.command(&["authorizers", "show", A, &after, "-o", "json"]);
                out.contains("\"authorized\"").then_some(())
            })
            .await;
        second.terminate();
        second.wait().await;
        world.start_worker().await;
        world.finish().await;
    }
}
