//! TLS: a private CA is believed if it is named, and no other.

use mandate_schema::Secret;

use crate::{
    bench::{numbers, publish_until_there, publisher},
    node::turn,
    until::until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_ca_is_believed_only_if_it_is_named() {
    let turn = turn().await;
    let mut settings = turn.settings();
    settings.url = Secret::new(format!("amqps://guest:guest@{}/{}", turn.tls_address(), turn.vhost()));
    let (_stranger, refusing) = publisher(settings.clone());
    let told = until("it is refused", || async {
        refusing.link.borrow().failing().filter(|told| !told.starts_with("connecting"))
    })
    .await;
    assert!(told.to_lowercase().contains("certificate"), "{told}");
    refusing.stop().await;

    settings.ca = Some(turn.ca());
    let (publisher, running) = publisher(settings);
    running.up().await;
    publish_until_there(&publisher, numbers(0..1)).await;
    running.stop().await;
}
