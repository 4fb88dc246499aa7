//! Calls on behalf of accounts, through the proxy.

use reqwest::Method;
use serde_json::{Value, json};

use super::{A, World, merchant, read};

const SEND: &str = "custom/send";
const MESSAGE: &str = "/cgi-bin/message/custom/send";

/// Larger than what is kept to be sent again, and than a process may grow for it.
const LARGE: usize = 20 << 20;

impl World {
    fn proxy(&self, merchant: &str, path: &str) -> String {
        self.console_url(&format!("/api/v1/proxy/{A}/{merchant}{path}"))
    }

    async fn send(&self, merchant: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(self.proxy(merchant, MESSAGE)).body(body.to_string());
        read(request.send().await.expect("the API answers")).await
    }
}

fn message() -> Value {
    json!({"touser": "openid", "msgtype": "text", "text": {"content": "你好"}})
}

#[tokio::test]
async fn a_message_is_sent_with_the_account_s_token_and_once_more_when_that_was_refused() {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    assert_eq!(world.send(&merchant, &message()).await, (200, json!({"errcode": 0, "errmsg": "ok"})));
    let bad = json!({"kind": "invalidate_tokens", "times": 1, "component": A, "authorizer": merchant});
    world.control("faults", bad).await;
    let (status, body) = world.send(&merchant, &message()).await;
    assert_eq!((status, body["errcode"].as_i64()), (200, Some(0)), "{body}");
    assert_eq!(world.calls(SEND).await, [0, 40001, 0], "once more, with another token");
    assert_eq!(world.calls("api_authorizer_token").await, [0]);

    // Refused again and again: WeChat's words are passed on, and nothing is repeated within 30 s.
    world.fault(SEND, "errcode", 3, json!(42001)).await;
    for _ in 0..3 {
        assert_eq!(world.send(&merchant, &message()).await.1["errcode"], 42001);
    }
    assert_eq!(world.calls(SEND).await.len(), 6);
    assert_eq!(world.calls("api_authorizer_token").await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn what_wechat_says_is_passed_on_as_it_is() {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    let (status, body) = world.send(&merchant, &json!({"msgtype": "text"})).await;
    assert_eq!((status, body["errcode"].as_i64()), (200, Some(40003)));
    world.fault(SEND, "http_5xx", 1, Value::Null).await;
    let request = world.http.post(world.proxy(&merchant, MESSAGE)).body(message().to_string());
    assert_eq!(request.send().await.expect("an answer").status(), 502);
    world.fault(SEND, "drop_answer", 1, Value::Null).await;
    let (status, body) = world.send(&merchant, &message()).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("upstream_unavailable")));
    assert_eq!(
        world.calls(SEND).await.len(),
        3,
        "a lost answer is not asked for again: it may have been sent"
    );
    world.finish().await;
}

#[tokio::test]
async fn refused_calls_never_leave() {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    let before = world.observe("calls").await["data"].as_array().expect("a list").len();
    for (path, code) in [
        ("/cgi-bin/component/api_component_token", "component_only"),
        ("/cgi-bin/Component/clear_quota", "component_only"),
        ("/cgi-bin/clear_quota", "component_only"),
        ("/cgi-bin/openapi/quota/clear", "component_only"),
        ("/cgi-bin/OpenAPI//quota/%63lear/", "component_only"),
        ("/cgi-bin/component/api_query_auth/", "component_only"),
        ("/cgi-bin//component/api_authorizer_token", "component_only"),
        ("/cgi-bin/%63omponent/api%5Fget_authorizer_list", "component_only"),
        ("/CGI-BIN/COMPONENT/API_CREATE_PREAUTHCODE", "component_only"),
        ("//cgi-bin/component/api_start_push_ticket", "component_only"),
        ("/sns/component/jscode2session?appid=wx00000000000000ff", "proxy_refused"),
        ("/wxa/gettemplatelist?authorizer_appid=wx00000000000000ff", "proxy_refused"),
        ("/sns/component/jscode2session?js_code=x;appid=wx00000000000000ff", "proxy_refused"),
        ("/cgi-bin/component/get_authorizer_option", "proxy_refused"),
        ("/sns/userinfo", "proxy_refused"),
        ("/cgi-bin/a%2f..%2fcomponent/api_component_token", "proxy_refused"),
        ("/cgi-bin/%2e%2e/x", "proxy_refused"),
        ("/cgi-bin//x", "proxy_refused"),
        ("/cgi-bin/message/custom/send?access_token=mine", "proxy_refused"),
        ("/cgi-bin/message/custom/send?access%5Ftoken=mine", "proxy_refused"),
    ] {
        for method in [Method::GET, Method::POST, Method::PUT] {
            let request = world.http.request(method, world.proxy(&merchant, path));
            let (status, body) = read(request.send().await.expect("the API answers")).await;
            assert_eq!((status, body["code"].as_str()), (400, Some(code)), "{path}: {body}");
        }
    }
    let (status, body) = world.send("wx00000000000000ff", &message()).await;
    assert_eq!((status, body["code"].as_str()), (404, Some("not_found")));
    let after = world.observe("calls").await["data"].as_array().expect("a list").len();
    assert_eq!(before, after);
    world.finish().await;
}

#[tokio::test]
async fn calls_that_want_the_component_s_token_get_it() {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    let call = async |method: Method, path: &str, body: &Value| {
        let request = world.http.request(method, world.proxy(&merchant, path));
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        read(request.send().await.expect("the API answers")).await
    };
    let path = "/sns/component/jscode2session?js_code=x&grant_type=authorization_code";
    let (status, body) = call(Method::GET, path, &Value::Null).await;
    assert_eq!((status, body["session_key"].is_string()), (200, true), "{body}");
    for path in [
        "/sns/oauth2/component/access_token?code=x&grant_type=authorization_code",
        "/sns/oauth2/component/refresh_token?refresh_token=x&grant_type=refresh_token",
    ] {
        let (status, body) = call(Method::GET, path, &Value::Null).await;
        assert_eq!((status, body["openid"].is_string()), (200, true), "{path}: {body}");
    }
    let (status, body) = call(Method::GET, "/wxa/gettemplatelist", &Value::Null).await;
    assert_eq!((status, body["template_list"].is_array()), (200, true), "{body}");
    let register = "/cgi-bin/component/fastregisterweapp?action=create";
    let (status, body) = call(Method::POST, register, &json!({"name": "示例"})).await;
    assert_eq!((status, body["errcode"].as_i64()), (200, Some(0)), "{body}");

    let set = json!({"option_name": "location_report", "option_value": "2"});
    let get = json!({"option_name": "location_report", "authorizer_appid": merchant});
    let (_, body) = call(Method::POST, "/cgi-bin/component/api_set_authorizer_option", &set).await;
    assert_eq!(body["errcode"], 0, "{body}");
    for name in ["api_get_authorizer_option", "get_authorizer_option"] {
        let (_, body) = call(Method::POST, &format!("/cgi-bin/component/{name}"), &get).await;
        assert_eq!((body["option_value"].as_str(), &body["authorizer_appid"]), (Some("2"), &json!(merchant)));
    }
    let other = json!({"option_name": "location_report", "authorizer_appid": "wx00000000000000ff"});
    let (status, body) = call(Method::POST, "/cgi-bin/component/get_authorizer_option", &other).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("proxy_refused")), "{body}");
    world.finish().await;
}

#[tokio::test]
async fn a_refused_component_token_is_replaced_also_if_the_answer_is_dirty() {
    const LIST: &str = "/wxa/gettemplatelist";
    let world = World::start().await;
    let merchant = merchant(&world).await;
    world.fault(LIST, "errcode", 1, json!(42006)).await;
    let url = world.proxy(&merchant, LIST);
    let (_, body) = read(world.http.get(&url).send().await.expect("the API answers")).await;
    assert!(body["template_list"].is_array(), "{body}");
    assert_eq!(world.calls(LIST).await, [42006, 0]);
    world
        .control("faults", json!({"kind": "invalidate_tokens", "component": A, "authorizer": merchant}))
        .await;
    world.fault(SEND, "byte_order_mark", 1, Value::Null).await;
    assert_eq!(world.send(&merchant, &message()).await.1["errcode"], 0);
    assert_eq!(world.calls(SEND).await, [40001, 0], "the refusal was read behind its mark");
    world.finish().await;
}

#[tokio::test]
async fn a_key_limited_to_accounts_makes_only_calls_that_name_its_account() {
    let mut world = World::start().await;
    let (mine, other) = (merchant(&world).await, merchant(&world).await);
    let (id, limited) = world.api_key(&["--scope", "proxy", "--component", A, "--authorizer", &mine]);
    let (other_id, whole) = world.api_key(&["--scope", "proxy", "--component", A]);
    world
        .wait("the keys to be needed", async |world| (world.token(&mine).await.0 == 401).then_some(()))
        .await;
    let status = async |key: &str, merchant: &str, path: &str| {
        let address = world.proxy(merchant, path);
        let request = if path.starts_with("/sns/") {
            world.http.get(address) // its authorizer is named in the query alone
        } else {
            world.http.post(address).body(r#"{"option_name":"location_report"}"#)
        };
        let answer = request.bearer_auth(key).send().await.expect("the API answers");
        let (status, body) = read(answer).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = (403, "out_of_reach".to_owned());
    let done = (200, String::new());
    for path in ["/sns/component/jscode2session?js_code=x", "/cgi-bin/component/api_get_authorizer_option"] {
        assert_eq!(status(&limited, &mine, path).await, done, "{path}");
        assert_eq!(status(&limited, &other, path).await, refused, "{path}");
        assert_eq!(status(&whole, &other, path).await, done, "{path}");
    }
    for path in ["/wxa/gettemplatelist", "/cgi-bin/component/fastregisterweapp?action=create"] {
        assert_eq!(status(&limited, &mine, path).await, refused, "{path}");
        assert_eq!(status(&whole, &mine, path).await, done, "{path}");
    }
    for key in [&limited, &whole] {
        let secret = "/cgi-bin/component/api_query_auth";
        assert_eq!(status(key, &mine, secret).await, (400, "component_only".to_owned()));
    }
    for id in [id, other_id] {
        let (code, _, err) = world.command(&["api-key", "revoke", &id]);
        assert_eq!(code, 0, "{err}");
    }
    world.ask_with_a_key();
    world.planted.extend([limited, whole]);
    world.finish().await;
}

#[tokio::test]
async fn large_bodies_stream_both_ways() {
    let world = World::start().await;
    let merchant = merchant(&world).await;
    world.send(&merchant, &message()).await;
    let before = world.peak_memory();
    for _ in 0..3 {
        let upload = world.http.post(world.proxy(&merchant, "/cgi-bin/media/upload?type=image"));
        let (status, body) = read(upload.body(vec![b'x'; LARGE]).send().await.expect("an answer")).await;
        assert_eq!((status, body["size"].as_u64()), (200, Some(LARGE as u64)), "{body}");
        let url = world.proxy(&merchant, &format!("/cgi-bin/media/get?size={}", 5 * LARGE));
        let answer = world.http.get(url).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"x.jpg\"");
        assert_eq!(answer.bytes().await.expect("all of it").len(), 5 * LARGE);
    }
    let grown = world.peak_memory().saturating_sub(before);
    assert!(grown < 15, "the service grew by {grown} MB for bodies of {} MB", LARGE >> 20);
    let too_large =
        world.http.post(world.proxy(&merchant, "/cgi-bin/media/upload")).body(vec![b'x'; 40 << 20]);
    // It is answered before the body has been taken, so the sender may or may not see the answer.
    if let Ok(answer) = too_large.send().await {
        assert_eq!(answer.status(), 413);
    }
    world.finish().await;
}
