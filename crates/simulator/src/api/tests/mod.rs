//! The state machine, value by value.

mod authorizers;
mod codes;
mod faults;
mod for_component;
mod refusals;
mod tokens;

use std::net::{IpAddr, Ipv4Addr};

use mandate_schema::{AuthorizerId, ComponentId, Secret};
use serde_json::{Value, json};

use super::{Answer, FaultEffect, Reply, Request, handle};
use crate::{
    orders::{AuthorizerSpec, FaultSpec},
    settings::{Settings, SimComponent},
    state::{Act, Changed, State},
    time::Now,
};

pub(super) const COMPONENT: &str = "wx1f2e3d4c5b6a7988";
pub(super) const OTHER: &str = "wx2f2e3d4c5b6a7988";
pub(super) const MERCHANT: &str = "wxa0b1c2d3e4f50617";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Two platforms, no merchants, a clock that the test moves.
pub(super) struct World {
    pub(super) state: State,
    pub(super) now: i64,
}

fn component(app_id: &str) -> SimComponent {
    SimComponent {
        app_id: id(app_id),
        app_secret: Secret::new(SECRET),
        token: Secret::new("RustComponentToken01"),
        encoding_aes_key: Secret::new("BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY"),
        event_url: "http://127.0.0.1:9/events".into(),
        message_url: "http://127.0.0.1:9/messages/$APPID$".into(),
    }
}

pub(super) fn id(text: &str) -> ComponentId {
    ComponentId::parse(text).expect("an appid")
}

pub(super) fn merchant() -> AuthorizerId {
    AuthorizerId::parse(MERCHANT).expect("an appid")
}

/// A request as it comes from HTTP.
pub(super) fn request(api: &str, query: &[(&str, &str)], body: &Value) -> Request {
    Request {
        is_post: true,
        path: format!("/cgi-bin/component/{api}"),
        query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_string().into_bytes(),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

impl World {
    pub(super) fn new() -> Self {
        let settings =
            Settings { seed: Some(7), ..Settings::new(vec![component(COMPONENT), component(OTHER)]) };
        Self { state: State::new(&settings).expect("settings are right"), now: 1_767_225_600 }
    }

    pub(super) fn switch(&mut self, changes: &Value) {
        let changes = changes.as_object().expect("an object");
        self.state.switches = self.state.switches.with(changes).expect("known switches");
    }

    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        self.reply(request).answer
    }

    /// Answers a request under the fault that waits for it.
    pub(super) fn reply(&mut self, request: &Request) -> Reply {
        let fault: Option<FaultEffect> = self.state.faults.take(request, &mut self.state.mint);
        handle(&mut self.state, Now::from_seconds(self.now), request, fault.as_ref())
    }

    #[track_caller]
    pub(super) fn json(&mut self, request: &Request) -> Value {
        match self.answer(request) {
            Answer::Json(value) => value,
            other => panic!("no JSON: {other:?}"),
        }
    }

    /// The errcode that a request gets, 0 for success. Failures carry a request id.
    #[track_caller]
    pub(super) fn errcode(&mut self, request: &Request) -> i64 {
        let value = self.json(request);
        let code = value["errcode"].as_i64().unwrap_or(0);
        if code != 0 {
            let message = value["errmsg"].as_str().expect("a text");
            let rid = message.rsplit_once(" rid: ").expect("a rid").1;
            assert_eq!(rid.split('-').map(str::len).collect::<Vec<_>>(), [8, 8, 8], "{message}");
        }
        code
    }

    pub(super) fn ticket(&mut self, component: &str) -> String {
        self.state.next_ticket(&id(component), self.now).expect("a known component")
    }

    /// A component token, through the API.
    #[track_caller]
    pub(super) fn component_token(&mut self, component: &str) -> String {
        let ticket = self.ticket(component);
        let value = self.json(&token_request(component, SECRET, &ticket));
        value["component_access_token"].as_str().expect("a token").to_owned()
    }

    /// Calls an API with a fresh component token.
    #[track_caller]
    pub(super) fn call(&mut self, api: &str, fields: &Value) -> Value {
        let token = self.component_token(COMPONENT);
        self.json(&request(api, &[("component_access_token", &token)], &with_component(fields)))
    }

    #[track_caller]
    pub(super) fn call_code(&mut self, api: &str, fields: &Value) -> i64 {
        self.call(api, fields)["errcode"].as_i64().unwrap_or(0)
    }

    #[track_caller]
    pub(super) fn act(&mut self, act: Act) -> Changed {
        self.act_for(COMPONENT, act)
    }

    #[track_caller]
    pub(super) fn act_for(&mut self, component: &str, act: Act) -> Changed {
        let change =
            AuthorizerSpec::new(id(component), Some(merchant()), act).change().expect("a good order");
        self.state.change(change, self.now).expect("it is possible")
    }

    /// Authorizes and redeems: the account's tokens as the API gives them.
    #[track_caller]
    pub(super) fn redeemed(&mut self) -> Tokens {
        let code = self.act(Act::Authorize).code.expect("a code");
        self.redeem(&code)
    }

    #[track_caller]
    pub(super) fn redeem(&mut self, code: &str) -> Tokens {
        let value = self.call("api_query_auth", &json!({ "authorization_code": code }));
        Tokens::of(&value["authorization_info"])
    }

    #[track_caller]
    pub(super) fn refresh(&mut self, refresh_token: &str) -> Tokens {
        let fields = json!({ "authorizer_appid": MERCHANT, "authorizer_refresh_token": refresh_token });
        Tokens::of(&self.call("api_authorizer_token", &fields))
    }

    pub(super) fn refresh_code(&mut self, refresh_token: &str) -> i64 {
        let fields = json!({ "authorizer_appid": MERCHANT, "authorizer_refresh_token": refresh_token });
        self.call_code("api_authorizer_token", &fields)
    }

    #[track_caller]
    pub(super) fn fault(&mut self, spec: FaultSpec) {
        self.state.apply_fault(spec, self.now).expect("a good order");
    }
}

/// An account's two tokens.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

impl Tokens {
    #[track_caller]
    fn of(value: &Value) -> Self {
        let text =
            |name: &str| value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned();
        assert_eq!(value["expires_in"], 7200);
        Self { access: text("authorizer_access_token"), refresh: text("authorizer_refresh_token") }
    }
}

pub(super) fn token_request(component: &str, secret: &str, ticket: &str) -> Request {
    let body = json!({
        "component_appid": component, "component_appsecret": secret, "component_verify_ticket": ticket,
    });
    request("api_component_token", &[], &body)
}

fn with_component(fields: &Value) -> Value {
    let mut body = fields.clone();
    body["component_appid"] = json!(COMPONENT);
    body
}
