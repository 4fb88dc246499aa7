//! Who is answered, and how.

use actix_web::http::Method;

use crate::{
    pushes::{COMPONENT, MERCHANT, broken, granted},
    world::{World, keys, local, remote},
};

/// Every address of the API, known and unknown, with the method that it takes.
fn addresses() -> Vec<(Method, String)> {
    let get = [
        String::new(),
        "/".to_owned(),
        "/components".to_owned(),
        format!("/components/{COMPONENT}"),
        format!("/components/{COMPONENT}/authorizers/{MERCHANT}"),
        format!("/components/{COMPONENT}/authorizers/{MERCHANT}/events"),
        "/authorizers".to_owned(),
        "/events".to_owned(),
        "/dead-letters".to_owned(),
        "/nothing/here".to_owned(),
    ];
    let post = ["retry", "discard"].map(|act| format!("/dead-letters/{}/{act}", uuid::Uuid::nil()));
    let get = get.into_iter().map(|path| (Method::GET, path));
    let post = post.into_iter().map(|path| (Method::POST, path));
    get.chain(post).map(|(method, path)| (method, format!("/api/v1{path}"))).collect()
}

#[actix_web::test]
async fn another_machine_gets_403_from_every_address_of_the_api() {
    let world = World::after([granted(MERCHANT, 0)]).await;
    for (number, (method, address)) in addresses().into_iter().enumerate() {
        // Each from a machine of its own: many refusals of one address are answered otherwise.
        let peer = format!("10.1.0.{number}:9").parse().expect("an address");
        for method in [method, Method::DELETE, Method::OPTIONS] {
            let answer = world.ask(remote(&address).peer_addr(peer).method(method)).await;
            answer.problem(403, "loopback_only");
        }
    }
}

#[actix_web::test]
async fn no_spelling_of_the_path_gets_around_the_refusal() {
    let world = World::new();
    for address in
        ["/api/v1/%63omponents", "/%61pi/v1/components", "/api/v1/components/", "/api/v1//components"]
    {
        world.ask(remote(address)).await.problem(403, "loopback_only");
    }
    for address in ["/api/v1x", "/api", "/API/V1/components", "//api/v1/components"] {
        world.ask(remote(address)).await.problem(404, "unknown_route");
    }
}

#[actix_web::test]
async fn this_machine_is_answered_over_both_families() {
    let world = World::new();
    for peer in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
        let request = local("/api/v1/components").peer_addr(peer.parse().expect("an address"));
        assert_eq!(world.ask(request).await.status, 200, "{peer}");
    }
}

#[actix_web::test]
async fn another_host_name_is_refused_at_every_address() {
    let world = World::new();
    for (method, address) in addresses() {
        let request = local(&address).method(method).insert_header(("host", "rebound.example:8081"));
        let detail = world.ask(request).await.problem(403, "loopback_only");
        assert!(detail.contains("Host"), "{detail}");
    }
}

#[actix_web::test]
async fn a_page_of_another_site_cannot_act_and_is_given_no_cors_headers() {
    let world = World::after([broken()]).await;
    let letter = world.get("/api/v1/dead-letters").await.list().0[0]["id"].clone();
    let address = format!("/api/v1/dead-letters/{}/discard", letter.as_str().expect("text"));
    let forged = local(&address).method(Method::POST).insert_header(("origin", "https://evil.example"));
    world.ask(forged).await.problem(403, "cross_origin");
    let form = local(&address).method(Method::POST).insert_header(("content-type", "text/plain"));
    world.ask(form.set_payload("{}")).await.problem(415, "unsupported_media_type");
    assert_eq!(world.get("/api/v1/dead-letters").await.list().0.len(), 1);
    let asked_first = local(&address)
        .method(Method::OPTIONS)
        .insert_header(("origin", "http://localhost:3000"))
        .insert_header(("access-control-request-method", "POST"));
    let answer = world.ask(asked_first).await;
    answer.problem(405, "method_not_allowed");
    let read =
        world.ask(local("/api/v1/components").insert_header(("origin", "http://localhost:3000"))).await;
    for name in answer.names.iter().chain(&read.names) {
        assert!(!name.starts_with("access-control-"), "{name}");
    }
}

#[actix_web::test]
async fn health_and_metrics_answer_everybody() {
    let world = World::new();
    for address in ["/healthz", "/readyz", "/metrics"] {
        for request in
            [local(address), remote(address), remote(address).insert_header(("host", "worker:8081"))]
        {
            assert_eq!(world.ask(request).await.status, 200, "{address}");
        }
    }
    world.readiness.register("storage").failing("away");
    assert_eq!(world.ask(remote("/readyz")).await.status, 503);
}

#[actix_web::test]
async fn each_address_takes_one_method() {
    let world = World::new();
    for (method, address) in addresses() {
        let other = if method == Method::GET { Method::POST } else { Method::GET };
        let answer = world.ask(local(&address).method(other)).await;
        if ["/api/v1", "/api/v1/", "/api/v1/nothing/here"].contains(&address.as_str()) {
            answer.problem(404, "unknown_route");
        } else {
            answer.problem(405, "method_not_allowed");
            assert_eq!(answer.allow, method.as_str(), "{address}");
        }
    }
}

#[actix_web::test]
async fn every_address_refuses_parameters_that_it_does_not_know() {
    let world = World::new();
    for (method, address) in addresses() {
        let answer = world.ask(local(&format!("{address}?sort=name")).method(method)).await;
        if answer.status != 404 {
            let detail = answer.problem(400, "unknown_parameter");
            assert!(detail.contains(r#""sort""#) && detail.contains("known here: "), "{detail}");
        }
    }
    let detail = world.get("/api/v1/authorizers?page=2").await.problem(400, "unknown_parameter");
    assert!(detail.ends_with("known here: component, status, q, limit, cursor"), "{detail}");
}

#[actix_web::test]
async fn every_problem_says_where_its_code_is_explained() {
    let world = World::new();
    for code in mandate_console::Code::ALL {
        let about = world.get(&format!("/api/v1/problems/{}", code.as_str())).await.json();
        assert_eq!(keys(&about), ["code", "cure", "status", "title"]);
        assert_eq!(
            (&about["code"], &about["status"]),
            (&code.as_str().into(), &code.status().as_u16().into())
        );
    }
    world.get("/api/v1/problems/bad_weather").await.problem(404, "not_found");
    let stranger = world.ask(remote("/api/v1/problems/log_reset")).await.json();
    assert_eq!(stranger["code"], "log_reset", "it is nobody's secret, so no key is asked for");
}

#[actix_web::test]
async fn a_problem_is_in_the_language_of_its_caller() {
    let world = World::new();
    let ask = async |path: &str, wanted: &'static str| {
        world.ask(local(path).insert_header(("accept-language", wanted))).await
    };
    for path in ["/api/v1/events?after=4711", "/api/v1/problems/log_reset"] {
        let english = ask(path, "en-US,zh;q=0.5").await;
        let chinese = ask(path, "zh-CN,zh;q=0.9,en;q=0.8").await;
        let [english, chinese]: [serde_json::Value; 2] =
            [english, chinese].map(|answer| serde_json::from_str(&answer.body).expect("JSON"));
        assert_eq!(
            (&chinese["title"], &chinese["code"]),
            (&"该位置不属于当前日志".into(), &"log_reset".into())
        );
        assert_eq!(english["title"], "The position is not of this log");
        assert_ne!(english["cure"], chinese["cure"]);
        assert_eq!(english["detail"], chinese["detail"], "what is about this request has one language");
    }
    let refused = world.ask(remote("/api/v1/components").insert_header(("accept-language", "zh"))).await;
    assert!(refused.body.contains("只接受本机请求"), "{refused:?}");
}
