//! The calls of `WeChat`'s API that redemptions take, and nothing else.

use std::time::Instant;

use mandate_schema::ComponentId;
use mandate_simulator::{Act, AuthorizerSpec, PushSpec, SecretKind, Simulator};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{bench::bed::Bed, world::COMPONENT_A as A};

/// Calls under way at once.
const CALLERS: usize = 64;

/// Redeems so many codes and fetches the profiles; per second.
pub(crate) async fn redeem(bed: &Bed, count: u32) -> f64 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let base = format!("{}/cgi-bin/component", bed.simulator_url());
    let token = component_token(&client, &base, bed).await;
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push(code(bed.simulator()).await);
    }
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for share in codes.chunks(codes.len().div_ceil(CALLERS)).map(<[_]>::to_vec) {
        let (client, base, token) = (client.clone(), base.clone(), token.clone());
        callers.spawn(async move {
            for (authorizer, code) in share {
                let url = |api: &str| format!("{base}/{api}?component_access_token={token}");
                let redeem = json!({"component_appid": A, "authorization_code": code});
                call(&client, &url("api_query_auth"), redeem).await;
                let info = json!({"component_appid": A, "authorizer_appid": authorizer});
                call(&client, &url("api_get_authorizer_info"), info).await;
            }
        });
    }
    callers.join_all().await;
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// A merchant authorizes, and no push says so.
async fn code(simulator: &Simulator) -> (String, String) {
    let spec = AuthorizerSpec::new(component(), None, Act::Authorize);
    let outcome = simulator.authorizer(AuthorizerSpec { push: false, ..spec }).await.expect("an order");
    (outcome.authorizer.to_string(), outcome.code.expect("a code"))
}

async fn component_token(client: &reqwest::Client, base: &str, bed: &Bed) -> String {
    let ticket = PushSpec::event(component(), "component_verify_ticket");
    bed.simulator().seal(&ticket).expect("the next ticket");
    let (secrets, _) = bed.simulator().secrets();
    let ticket = secrets.iter().rev().find(|secret| secret.kind == SecretKind::Ticket).expect("it was made");
    let body = json!({
        "component_appid": A, "component_appsecret": bed.component_secret(), "component_verify_ticket": ticket.value,
    });
    let answer = call(client, &format!("{base}/api_component_token"), body).await;
    answer["component_access_token"].as_str().expect("a token").to_owned()
}

async fn call(client: &reqwest::Client, url: &str, body: Value) -> Value {
    let answer = client.post(url).body(body.to_string()).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    assert!(answer.get("errcode").is_none_or(|code| code == 0), "{answer}");
    answer
}

fn component() -> ComponentId {
    ComponentId::parse(A).expect("an appid")
}
