//! The merchants' pages: what strangers see without `WeChat`. The way through `WeChat`'s page is in the tests of the whole system.

use actix_web::{
    App,
    dev::ServiceResponse,
    http::Method,
    test::{self, TestRequest},
    web::Data,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use mandate_console::consent::{Pages, routes};
use mandate_runtime::{stop::Stop, web::TrustedProxies};
use mandate_schema::{CodeDigest, Secret};
use mandate_storage::{ConsentLink, ConsentTerms, ConsentVisit};
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::{
    pushes::COMPONENT,
    world::{World, master},
};

/// The pages of a world.
pub(crate) struct Door(Data<Pages>);

/// A page as a browser gets it.
pub(crate) struct Seen {
    response: ServiceResponse,
}

impl Door {
    pub(crate) fn of(world: &World) -> Self {
        Self(Data::new(Pages::new(world.worker.clone(), Stop::new())))
    }

    pub(crate) async fn open(&self, request: TestRequest) -> Seen {
        let app = test::init_service(App::new().configure(|config| routes(config, self.0.clone()))).await;
        Seen { response: test::call_service(&app, request.to_request()).await }
    }

    async fn get(&self, address: &str) -> Seen {
        self.open(from(7, address)).await
    }
}

/// A browser at an address of the internet.
fn from(last: u8, address: &str) -> TestRequest {
    TestRequest::with_uri(address).peer_addr(([203, 0, 113, last], 50_000).into())
}

impl Seen {
    fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map(|value| value.to_str().expect("printable")).unwrap_or_default()
    }

    /// Its title. Every page is checked on the way.
    async fn title(self) -> String {
        let policy = self.header("content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(self.header(name), value, "{name}");
        }
        let body = String::from_utf8(test::read_body(self.response).await.to_vec()).expect("text");
        for foreign in ["<script", "<img", "<link", "src=", "@import", "url("] {
            assert!(!body.contains(foreign), "nothing comes from elsewhere: {body}");
        }
        let (_, rest) = body.split_once("<h1>").expect("a title");
        rest.split_once("</h1>").expect("its end").0.to_owned()
    }
}

fn terms(component: &str) -> ConsentTerms {
    ConsentTerms {
        component: component.parse().expect("an id"),
        auth_type: 3,
        biz_appid: None,
        category_ids: Vec::new(),
        return_url: None,
        tag: None,
    }
}

async fn link(world: &World, id: &str, component: &str, life: SignedDuration) {
    let link =
        ConsentLink { id: id.to_owned(), terms: terms(component), expires_at: Timestamp::now() + life };
    assert!(world.worker.storage.put_link(link).await.expect("the store is there"));
}

#[actix_web::test]
async fn what_is_no_page_or_not_any_more_is_told_in_both_languages() {
    let world = World::new();
    let hour = SignedDuration::from_hours(1);
    link(&world, "overoverov", COMPONENT, -hour).await;
    link(&world, "foreignfor", "wx0000000000000000", hour).await;
    let door = Door::of(&world);
    for (address, status, chinese, english) in [
        ("/", 404, "链接无效", "No such link"),
        ("/api/v1/components", 404, "链接无效", "No such link"),
        ("/authorize", 404, "链接无效", "No such link"),
        ("/authorize?component=wx0000000000000000", 404, "链接无效", "No such link"),
        ("/authorize?component=%00", 404, "链接无效", "No such link"),
        ("/authorize/nosuchlink", 404, "链接无效", "No such link"),
        ("/authorize/overoverov", 410, "链接已过期", "The link has expired"),
        ("/authorize/foreignfor", 410, "链接已过期", "The link has expired"),
        ("/authorize/return/forged?auth_code=queryauthcode%40%40%40x", 404, "页面无效", "Not a page of ours"),
        ("/authorize/return/forged", 404, "页面无效", "Not a page of ours"),
    ] {
        let seen = door.open(from(1, address)).await;
        assert_eq!((seen.status(), seen.header("content-language")), (status, "zh-CN"), "{address}");
        assert_eq!(seen.title().await, chinese, "{address}");
        let seen = door.open(from(2, address).insert_header(("accept-language", "en-GB"))).await;
        assert_eq!((seen.status(), seen.header("content-language")), (status, "en"), "{address}");
        assert_eq!(seen.title().await, english, "{address}");
    }
}

#[actix_web::test]
async fn without_a_pre_auth_code_there_is_no_button_but_when_to_try_again() {
    let world = World::new();
    link(&world, "linklinkli", COMPONENT, SignedDuration::from_hours(1)).await;
    let door = Door::of(&world);
    for address in ["/authorize/linklinkli".to_owned(), format!("/authorize?component={COMPONENT}")] {
        let seen = door.get(&address).await; // no ticket has come
        assert_eq!((seen.status(), seen.header("retry-after")), (503, "60"));
        assert_eq!((seen.header("set-cookie"), seen.header("referrer-policy")), ("", "strict-origin"));
        assert_eq!(seen.title().await, "暂时无法授权");
    }
}

#[actix_web::test]
async fn pages_are_only_looked_at_and_head_asks_wechat_for_nothing() {
    let world = World::new();
    let door = Door::of(&world);
    for address in ["/authorize/linklinkli", "/authorize", "/authorize/return/state"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let seen = door.open(from(1, address).method(method)).await;
            assert_eq!((seen.status(), seen.header("allow")), (405, "GET, HEAD"), "{address}");
        }
        let seen = door.open(from(2, address).method(Method::HEAD)).await;
        assert_eq!(seen.status(), 200, "{address}");
    }
    let landing = door.get("/authorize/return/state").await;
    assert_eq!(landing.header("referrer-policy"), "no-referrer");
}

#[actix_web::test]
async fn an_address_that_asks_too_often_has_to_wait_and_others_do_not() {
    let world = World::new();
    let door = Door::of(&world);
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(door.get("/authorize/nosuchlink").await.status());
    }
    assert!(statuses.starts_with(&[404; 30]) && statuses.ends_with(&[429; 5]), "{statuses:?}");
    let seen = door.get("/authorize/return/state").await;
    assert_eq!((seen.status(), seen.header("retry-after")), (429, "2"));
    assert_eq!(seen.title().await, "操作过于频繁");
    assert_eq!(door.open(from(8, "/authorize/nosuchlink")).await.status(), 404);
    // A proxy on this machine says whom it asks for.
    let behind = |address: &'static str| {
        let request =
            TestRequest::with_uri("/authorize/nosuchlink").peer_addr(([127, 0, 0, 1], 50_000).into());
        request.insert_header(("x-forwarded-for", address))
    };
    assert_eq!(door.open(behind("203.0.113.9")).await.status(), 404);
    assert_eq!(door.open(behind("203.0.113.9, 203.0.113.7")).await.status(), 429);
}

/// Where the browser of a visit comes back to.
async fn landing(world: &World, number: u128, life: SignedDuration) -> String {
    let visit = ConsentVisit {
        id: Uuid::from_u128(number),
        link: None,
        terms: terms(COMPONENT),
        pre_auth: CodeDigest::of(&Secret::new(format!("preauthcode@@@{number}"))),
        cookie: CodeDigest::of(&Secret::new(cookie('a'))),
        code: None,
        expires_at: Timestamp::now() + life,
    };
    let state = master().seal_state(visit.id, [7; 12]);
    world.worker.storage.put_visit(visit).await.expect("the store is there");
    format!("/authorize/return/{state}")
}

fn cookie(letter: char) -> String {
    letter.to_string().repeat(43)
}

/// The name of the cookie of the visit that comes back to an address: its state's digest.
fn cookie_name(address: &str) -> String {
    let state = address.trim_start_matches("/authorize/return/").split('?').next().expect("a state");
    let hash = digest(&SHA256, state.as_bytes());
    format!("__Host-mandate_consent_{}", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..8]))
}

#[actix_web::test]
async fn a_cookie_of_another_visit_takes_no_code() {
    let world = World::new();
    let hour = SignedDuration::from_hours(1);
    let (one, other) = (landing(&world, 1, hour).await, landing(&world, 2, hour).await);
    let (door, code) = (Door::of(&world), "?auth_code=queryauthcode%40%40%40x&expires_in=3600");
    let own = cookie_name(&one);
    for name in [cookie_name(&other), "mandate_consent".into(), own.replace("__Host-", ""), format!("x{own}")]
    {
        let sent = format!("{name}={}", cookie('a'));
        let seen = door.open(from(1, &format!("{one}{code}")).insert_header(("cookie", sent))).await;
        assert_eq!(seen.status(), 403, "{name}");
    }
    let both = format!("{}={}; {own}={}", cookie_name(&other), cookie('b'), cookie('a'));
    let seen = door.open(from(1, &one).insert_header(("cookie", both))).await;
    assert_eq!(seen.status(), 400, "its own cookie counts; only the code is missing");
}

#[actix_web::test]
async fn every_answer_tells_browsers_how_to_treat_it() {
    let world = World::new();
    let door = Door::of(&world);
    for (method, address, status) in [
        (Method::GET, "/authorize/nosuchlink", 404),
        (Method::GET, "/", 404),
        (Method::GET, "/robots.txt", 404),
        (Method::GET, "/authorize/return/forged", 404),
        (Method::GET, "/authorize/return/%ff%00", 404),
        (Method::GET, "/authorize/%ff", 404),
        (Method::GET, "/favicon.ico", 204),
        (Method::HEAD, "/authorize", 200),
        (Method::POST, "/authorize/nosuchlink", 405),
        (Method::DELETE, "/favicon.ico", 405),
        (Method::OPTIONS, "/authorize/return/x", 405),
        (Method::POST, "/nowhere", 404),
        (Method::OPTIONS, "*", 404),
    ] {
        let seen = door.open(from(1, address).method(method.clone())).await;
        assert_eq!(seen.status(), status, "{method} {address}");
        assert_secured(&seen, &format!("{method} {address}"));
    }
    for _ in 0..40 {
        door.get("/authorize").await;
    }
    let slowed = door.get("/authorize").await;
    assert_eq!(slowed.status(), 429);
    assert_secured(&slowed, "429");
}

#[track_caller]
fn assert_secured(seen: &Seen, what: &str) {
    let policy = seen.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
        "{what}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-robots-tag", "noindex, nofollow"),
    ] {
        assert_eq!(seen.header(name), value, "{what}: {name}");
    }
    assert!(matches!(seen.header("referrer-policy"), "no-referrer" | "strict-origin"), "{what}");
    assert!(matches!(seen.header("cache-control"), "no-store" | "public, max-age=86400"), "{what}");
}

#[actix_web::test]
async fn only_trusted_proxies_say_whom_they_ask_for() {
    let world = World::new();
    let trusted = TrustedProxies::new(["10.1.0.0/16".parse().expect("a network")]);
    let pages = Pages::new(world.worker.clone(), Stop::new()).behind(trusted);
    let door = Door(Data::new(pages));
    let ask = async |peer: [u8; 4], number: u8| {
        let request = TestRequest::with_uri("/authorize/nosuchlink").peer_addr((peer, 50_000).into());
        door.open(request.insert_header(("x-forwarded-for", format!("198.51.100.{number}")))).await.status()
    };
    for number in 0..40 {
        assert_eq!(ask([10, 1, 2, 3], number).await, 404, "each browser has its own limit");
    }
    for peer in [[10, 2, 0, 1], [127, 0, 0, 1], [192, 168, 1, 1], [203, 0, 113, 1]] {
        let mut statuses = Vec::new();
        for number in 0..40 {
            statuses.push(ask(peer, number).await);
        }
        assert_eq!(statuses.last(), Some(&429), "{peer:?} may write what it likes: {statuses:?}");
    }
}

#[actix_web::test]
async fn a_return_that_is_not_taken_says_why() {
    let world = World::new();
    let hour = SignedDuration::from_hours(1);
    let (open, over) = (landing(&world, 1, hour).await, landing(&world, 2, -hour).await);
    let door = Door::of(&world);
    let code = "?auth_code=queryauthcode%40%40%40x&expires_in=3600";
    let twice = format!("{code}&auth_code=queryauthcode%40%40%40y");
    for (address, letter, status, title) in [
        (format!("{open}{code}"), 'b', 403, "请使用原来的浏览器"),
        (open.clone(), 'a', 400, "授权没有完成"),
        (format!("{open}?auth_code="), 'a', 400, "授权没有完成"),
        (format!("{open}{twice}"), 'a', 400, "授权没有完成"),
        (format!("{over}{code}"), 'a', 410, "页面已过期"),
        (format!("{over}{code}"), 'b', 403, "请使用原来的浏览器"),
    ] {
        let sent = format!("{}={}", cookie_name(&address), cookie(letter));
        let request = from(1, &address).insert_header(("cookie", sent));
        let seen = door.open(request).await;
        assert_eq!((seen.status(), seen.header("referrer-policy")), (status, "no-referrer"), "{address}");
        assert_eq!(seen.title().await, title, "{address}");
    }
    let without = door.open(from(1, &format!("{open}{code}"))).await;
    assert_eq!(without.status(), 403, "no cookie at all");
}
