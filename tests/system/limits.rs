//! Limits of the process that the system sets.

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::{
    crowds::{ask, request},
    world::{Options, World, act::short_type},
};

/// Far more than fit.
const MANY: usize = 100_000;
/// Pushed at once.
const TOGETHER: usize = 50;

/// Whether ingress says that the disk is full.
async fn is_full(world: &World) -> bool {
    let readiness = world.http.get(world.admin_url("/readyz")).send().await.expect("it answers");
    readiness.status() == StatusCode::SERVICE_UNAVAILABLE
        && readiness.text().await.expect("a text").contains("disk")
}

#[tokio::test]
async fn a_file_that_may_not_grow_any_more_is_a_full_disk() {
    let mut world = World::with(Options { limits: Some("--fsize=1500000"), ..Options::new() }).await;
    let (mut accepted, mut refused, mut number) = (0, None, 0);
    while refused.is_none() {
        assert!(number < MANY, "the journal grows beyond the limit");
        let pushes = (number..number + TOGETHER).map(|number| request(&world, number));
        number += TOGETHER;
        let port = world.options.ingress_port;
        let answers = join_all(pushes.map(async |push| ask(port, &push).await.expect("an answer"))).await;
        let (taken, others): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.ends_with("\r\n\r\nsuccess"));
        accepted += taken.len();
        refused = others.into_iter().next();
        if refused.is_some() && !is_full(&world).await {
            refused = None; // on a busy machine a commit that takes too long is refused, too
        }
    }
    let refused = refused.expect("it was seen");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(!world.has_died(), "SIGXFSZ kills a process that does not listen to it");

    world.kill_service().await;
    world.options.limits = None;
    world.start_service(&[]).await;
    world.settle().await;
    let notices =
        world.feed().await.iter().filter(|event| short_type(event) == "component.notice_received").count();
    assert_eq!(notices, accepted);
    world.finish().await;
}
