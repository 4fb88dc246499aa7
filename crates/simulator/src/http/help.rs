//! What is here, for those who knock at the wrong door.

use actix_web::{HttpResponse, Responder};
use serde_json::{Value, json};

use crate::api::Api;

/// 404 with a list of everything that is served.
pub(super) async fn page() -> impl Responder {
    HttpResponse::NotFound().json(listing())
}

fn listing() -> Value {
    let line = |api: &Api| match api.name() {
        name if api.is_get() => format!("GET {name}"),
        "custom/send" => "POST /cgi-bin/message/custom/send".to_owned(),
        name => format!("POST /cgi-bin/component/{name}"),
    };
    let apis: Vec<String> = Api::ALL.iter().map(line).collect();
    json!({
        "about": "Simulator of WeChat's side for third-party platforms (微信第三方平台模拟器). Nothing is served at this address.",
        "api": apis,
        "pages": {
            "GET /cgi-bin/componentloginpage?component_appid=&pre_auth_code=&redirect_uri=&auth_type=&biz_appid=&category_id_list=": "the page on which a merchant consents, in a desktop browser",
            "GET /wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&…": "the same inside WeChat",
        },
        "control": {
            "POST /_control/push": "{component, authorizer?, info_type | msg_type, fields?, create_time?, times?, delay?, hold?, wait?, forge?, dirt?}: any push; answers {push, held, deliveries: [{status, body, ok, millis}]}",
            "POST /_control/authorizers": "{component, authorizer?, act: create | authorize | update | revoke, permissions?, kind?, nick_name?, principal_name?, pre_auth_code?, create_time?, push?, times?, delay?, hold?, wait?}: answers {authorizer, code?, deliveries}",
            "POST /_control/crowd": "{component, count}: so many new merchants authorize, without pushes",
            "POST /_control/release": "{push?, order: held | reversed}: delivers held pushes",
            "POST /_control/faults": "{api, kind, times, value?, component?, authorizer?, probability?}: what goes wrong next",
            "GET, DELETE /_control/faults": "the faults that wait; takes them back",
            "GET, POST /_control/switches": "how open points behave; {name: value}",
            "POST, GET /_control/clock": "{advance: \"2h\"}: moves the clock; answers {now}",
            "POST /_control/keys": "{component, token, encoding_aes_key, test_list?}: changes the pair that pushes are sealed with",
            "GET, DELETE /_control/calls": "the API calls: {data: [{api, component, errcode, at}]}; forgets them",
            "POST /_control/release-check": "{component, group?: 1 to 5, wait?}: plays the release check (全网发布接入检测); answers {passed, group, items: [{name, passed, millis, cause?, exchanges?}]}",
            "GET /_control/messages": "the customer-service messages that were sent: {data: [{component, authorizer, to_user, msg_type, content, at}]}",
            "GET /_control/pushes": "the pushes and what each delivery got",
            "GET /_control/state?component=&authorizer=": "who authorizes whom, and which tokens are current",
            "GET /_control/secrets": "every secret value that was issued, for scans",
        },
    })
}
