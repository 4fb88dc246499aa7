//! Gather: of older forms, and of the past.

use mandate_schema::Position;

use rusqlite::Connection;

use super::given::{Given, authorized, component, master, merchant, stream};
use crate::views::Views;

#[tokio::test]
async fn a_state_of_an_older_form_is_folded_again_from_the_log() {
    let given = Given::new();
    given.take(authorized(100, "queryauthcode@@@one")).await;
    given.take(authorized(200, "queryauthcode@@@two")).await;
    let before = given.worker.storage.state(&stream()).await.unwrap().unwrap();
    let database = Connection::open(given.database()).unwrap();
    database.execute("update state set form = 0, state = '{\"old\":true}'", []).unwrap();

    let snapshot = given.worker.log.read(&stream()).await.unwrap();
    assert_eq!(snapshot.version, before.version);
    assert_eq!(snapshot.state.to_stored().unwrap().json, before.state);
    given.take(authorized(300, "queryauthcode@@@three")).await;
    let after = given.worker.storage.state(&stream()).await.unwrap().unwrap();
    assert_eq!(after.form, before.form, "and written in the new form with the next event");
}

#[tokio::test]
async fn an_account_is_shown_as_it_was_at_any_position() {
    let given = Given::new();
    for (time, code) in [(100, "one"), (200, "two"), (300, "three")] {
        given.take(authorized(time, code)).await;
    }
    let views = Views::new(given.worker.storage.clone(), master());
    let at = async |position| {
        let view = views.authorizer_at(&component(), &merchant(), Position(position)).await.unwrap();
        view.map(|view| (view.generation, view.version.0))
    };
    assert_eq!(at(0).await, None);
    assert_eq!(at(1).await, Some((1, 1)));
    assert_eq!(at(3).await, Some((3, 3)));
    assert_eq!(at(99).await, Some((3, 3)));
}
