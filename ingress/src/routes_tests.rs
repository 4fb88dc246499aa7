use super::*;

const ALPHA: &str = "wx1f2e3d4c5b6a7988";
const BETA: &str = "wx00000000000000bb";
const MERCHANT: &str = "wxa0b1c2d3e4f50617";

fn paths(component: &str, event: &str, message: &str) -> ComponentPaths {
    ComponentPaths {
        component: ComponentId::parse(component).expect("valid"),
        event_path: event.into(),
        message_path: message.into(),
    }
}

fn routes(event: &str, message: &str) -> Routes {
    Routes::compile([paths(ALPHA, event, message)]).expect("valid paths")
}

#[track_caller]
fn assert_found(routes: &Routes, url: &str, kind: PushKind, authorizer: Option<&str>) {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let found = routes.find(path, query).unwrap_or_else(|| panic!("{url} was not found"));
    assert_eq!(found.kind, kind, "{url}");
    assert_eq!(found.authorizer.as_ref().map(AuthorizerId::as_str), authorizer, "{url}");
}

#[track_caller]
fn assert_refused(event: &str, message: &str, reason: &str) {
    let error = Routes::compile([paths(ALPHA, event, message)]).expect_err("refused");
    assert!(error.reason.contains(reason), "{error}");
}

#[test]
fn the_default_paths_lead_to_component_kind_and_authorizer() {
    let routes = Routes::compile([
        paths(ALPHA, "/wechat/wx1f2e3d4c5b6a7988/events", "/wechat/wx1f2e3d4c5b6a7988/messages/$APPID$"),
        paths(BETA, "/wechat/wx00000000000000bb/events", "/wechat/wx00000000000000bb/messages/$APPID$"),
    ])
    .expect("valid paths");
    assert_found(&routes, "/wechat/wx1f2e3d4c5b6a7988/events?timestamp=1&nonce=2", PushKind::Event, None);
    let message = format!("/wechat/{BETA}/messages/{MERCHANT}");
    assert_found(&routes, &message, PushKind::Message, Some(MERCHANT));
    assert_eq!(components(&routes, &message), [BETA]);
}

#[track_caller]
fn components(routes: &Routes, path: &str) -> Vec<String> {
    routes.find(path, "").expect("found").components.iter().map(ToString::to_string).collect()
}

#[test]
fn components_may_share_an_event_url_and_no_other() {
    let shared = [paths(ALPHA, "/e", "/a/$APPID$"), paths(BETA, "/e", "/b/$APPID$")];
    let routes = Routes::compile(shared).expect("valid paths");
    assert_eq!(components(&routes, "/e"), [ALPHA, BETA]);
    assert_eq!(components(&routes, &format!("/b/{MERCHANT}")), [BETA]);
    let messages = [paths(ALPHA, "/e", "/m/$APPID$"), paths(BETA, "/f", "/m/$APPID$")];
    assert_eq!(Routes::compile(messages).expect_err("refused").reason, "it is configured twice");
}

#[test]
fn a_push_is_labelled_by_its_component_or_as_shared() {
    let id = |text: &str| ComponentId::parse(text).expect("valid");
    let shared = [paths(ALPHA, "/e", "/a/$APPID$"), paths(BETA, "/e", "/b/$APPID$")];
    let routes = Routes::compile(shared).expect("valid paths");
    let label = |path: &str, known: Option<&ComponentId>| {
        routes.find(path, "").expect("found").label(known).to_owned()
    };
    assert_eq!(label("/e", None), SHARED);
    assert_eq!(label("/e", Some(&id(BETA))), BETA);
    assert_eq!(label(&format!("/a/{MERCHANT}"), None), ALPHA);
}

#[test]
fn an_appid_may_stand_in_the_middle_of_the_path() {
    let routes = routes("/wx/events", "/wx/$APPID$/callback");
    assert_found(&routes, "/wx/wxa0b1c2d3e4f50617/callback?x=1", PushKind::Message, Some(MERCHANT));
    assert!(routes.find("/wx/wxa0b1c2d3e4f50617/callback/", "").is_none());
    assert!(routes.find("/wx//callback", "").is_none());
    assert!(routes.find("/wx/wxa0/b1c2/callback", "").is_none(), "an appid holds no slash");
}

#[test]
fn an_appid_may_stand_in_the_query_beside_what_wechat_adds() {
    let routes = routes("/push?kind=event", "/push?appid=p-$APPID$-s");
    assert_found(
        &routes,
        "/push?signature=a&appid=p-wxa0b1c2d3e4f50617-s&nonce=3",
        PushKind::Message,
        Some(MERCHANT),
    );
    assert_found(&routes, "/push?kind=event&timestamp=1", PushKind::Event, None);
    assert_found(&routes, "/push?kin%64=%65vent", PushKind::Event, None);
    assert!(routes.find("/push", "").is_none());
    assert!(routes.find("/push", "kind=other").is_none());
    assert!(routes.find("/push", "appid=wxa0b1c2d3e4f50617").is_none());
}

#[test]
fn a_literal_path_is_never_taken_for_an_appid() {
    let routes = routes("/wechat/events", "/wechat/$APPID$");
    assert_found(&routes, "/wechat/events", PushKind::Event, None);
    assert_found(&routes, "/wechat/wxa0b1c2d3e4f50617", PushKind::Message, Some(MERCHANT));
}

#[test]
fn of_two_literal_paths_the_one_with_the_longer_query_is_asked_first() {
    let routes = routes("/push", "/push?appid=$APPID$");
    assert_found(&routes, "/push?appid=wxa0b1c2d3e4f50617", PushKind::Message, Some(MERCHANT));
    assert_found(&routes, "/push?timestamp=1", PushKind::Event, None);
}

#[test]
fn unknown_paths_are_not_found() {
    let routes = routes("/e", "/m/$APPID$");
    for path in ["/", "/e/", "/E", "/m", "/m/", "/m/wx!", "/%65"] {
        assert!(routes.find(path, "").is_none(), "{path} was found");
    }
}

#[test]
fn paths_that_cannot_be_served_are_refused() {
    assert_refused("events", "/m/$APPID$", "start with '/'");
    assert_refused("/e/$APPID$", "/m/$APPID$", "cannot hold $APPID$");
    assert_refused("/e", "/m", "exactly once");
    assert_refused("/e", "/m/$APPID$?a=$APPID$", "exactly once");
    assert_refused("/e", "/m?$APPID$=1", "name of a parameter");
    let twice = [paths(ALPHA, "/e", "/m/$APPID$"), paths(ALPHA, "/e", "/n/$APPID$")];
    assert_eq!(Routes::compile(twice).expect_err("refused").reason, "it is configured twice");
}
