//! `/cgi-bin/componentloginpage` and `/wxaopen/safe/bindcomponent`: the merchant looks at a page and confirms.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Form as Body, Query},
};
use askama::Template;
use mandate_schema::ComponentId;
use serde::Deserialize;

use crate::{
    consent::{Form, Merchant, Question, Refusal},
    simulator::Simulator,
    state::{Account, AccountKind},
};

const NEW_OFFICIAL_ACCOUNT: &str = "new_official_account";
const NEW_MINI_PROGRAM: &str = "new_mini_program";

#[derive(Template)]
#[template(path = "consent.html")]
struct Page {
    title: &'static str,
    component: String,
    choices: Vec<Choice>,
    refusal: Option<String>,
}

struct Choice {
    value: String,
    name: String,
    note: String,
}

/// What the page's form sends.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    merchant: String,
}

type Parameters = Query<Vec<(String, String)>>;

/// The page.
pub(super) async fn show(http: HttpRequest, query: Parameters, simulator: Data<Simulator>) -> HttpResponse {
    let opened = read(&http, &query, referer(&http)).and_then(|question| {
        let accounts = simulator.offer(&question)?;
        Ok((question, accounts))
    });
    match opened {
        Ok((question, accounts)) => ask(&question, accounts),
        Err(refusal) => refuse(&refusal),
    }
}

/// The merchant's answer. It comes from the page, which has checked where the browser came from.
pub(super) async fn confirm(
    http: HttpRequest,
    query: Parameters,
    body: Body<Confirmed>,
    simulator: Data<Simulator>,
) -> HttpResponse {
    let back = query.iter().find(|(name, _)| name == "redirect_uri").map(|(_, url)| url.as_str());
    let confirmed = async {
        let question = read(&http, &query, back)?;
        let merchant = match body.merchant.as_str() {
            NEW_OFFICIAL_ACCOUNT => Merchant::New(AccountKind::OfficialAccount),
            NEW_MINI_PROGRAM => Merchant::New(AccountKind::MiniProgram),
            known => Merchant::Known(known.parse().map_err(|_| Refusal::Merchant)?),
        };
        simulator.confirm(&question, merchant).await
    };
    match confirmed.await {
        Ok(address) => HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish(),
        Err(refusal) => refuse(&refusal),
    }
}

fn read(http: &HttpRequest, query: &Parameters, referer: Option<&str>) -> Result<Question, Refusal> {
    let form = if http.path().starts_with("/wxaopen/") { Form::InWechat } else { Form::Desktop };
    let agent = http.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    if form == Form::InWechat && !agent.is_some_and(|agent| agent.contains("MicroMessenger")) {
        return Err(Refusal::NotInWechat);
    }
    Question::read(form, query, referer)
}

fn referer(http: &HttpRequest) -> Option<&str> {
    http.headers().get(header::REFERER)?.to_str().ok()
}

fn ask(question: &Question, accounts: Vec<Account>) -> HttpResponse {
    let mut choices: Vec<Choice> = accounts
        .into_iter()
        .map(|account| Choice {
            note: format!("{} · {}", label(account.kind), account.app_id),
            value: account.app_id.to_string(),
            name: account.nick_name,
        })
        .collect();
    match &question.account {
        Some(only) if choices.is_empty() => {
            choices
                .push(Choice { value: only.to_string(), name: "新账号".into(), note: only.to_string() });
        }
        Some(_) => {}
        None => {
            let offered = [
                (AccountKind::OfficialAccount, NEW_OFFICIAL_ACCOUNT),
                (AccountKind::MiniProgram, NEW_MINI_PROGRAM),
            ];
            choices.extend(offered.into_iter().filter(|(kind, _)| question.takes(*kind)).map(
                |(kind, value)| Choice {
                    value: value.to_owned(),
                    name: format!("新的{}", label(kind)),
                    note: "a new account".into(),
                },
            ));
        }
    }
    page(StatusCode::OK, "授权确认", Some(&question.component), choices, None)
}

fn label(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::OfficialAccount => "公众号",
        AccountKind::MiniProgram => "小程序",
    }
}

/// `WeChat` refuses with a page, too; the status is our own addition.
fn refuse(refusal: &Refusal) -> HttpResponse {
    page(StatusCode::FORBIDDEN, "无法授权", None, Vec::new(), Some(refusal.to_string()))
}

fn page(
    status: StatusCode,
    title: &'static str,
    component: Option<&ComponentId>,
    choices: Vec<Choice>,
    refusal: Option<String>,
) -> HttpResponse {
    let component = component.map(ToString::to_string).unwrap_or_default();
    match (Page { title, component, choices, refusal }).render() {
        Ok(html) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(html),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
