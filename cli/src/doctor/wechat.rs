//! What depends on `WeChat` and on the addresses that others reach us at.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use mandate_runtime::{config::Config, http_client};
use mandate_schema::ComponentId;
use mandate_wechat::{
    api::{PreauthCodeRequest, Refusal},
    errors,
};
use mandate_worker::{TokenError, Uncalled, Worker, api::client_builder, views::Views};

use super::Finding;
use crate::process;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(8);
/// A clock that is further off than this misjudges what happened first.
const CLOCK_WRONG: i64 = 60;
/// A difference that is worth a look; dates in headers have whole seconds.
const CLOCK_OFF: i64 = 5;
/// `WeChat` pushes a ticket every 10 minutes.
const TICKET_LATE: i64 = 30 * 60;
const TICKET_MISSING: i64 = 2 * 60 * 60;

/// Compares our clock with that of `WeChat`'s API.
pub(super) async fn clock(config: &Config, now: Timestamp) -> Finding {
    const CHECK: &str = "clock";
    let base = config.wechat.api_base.as_str();
    let unreached = |error: String| {
        let cure = "See that this machine reaches WeChat's API: DNS, firewall, [wechat] proxy and ca_file.";
        Finding::failed(CHECK, format!("{base} was not reached: {error}"), cure)
    };
    let settings = match process::api_settings(config) {
        Ok(settings) => settings,
        Err(error) => return unreached(error.to_string()),
    };
    let client = match client_builder(&settings, TIMEOUT).map(reqwest::ClientBuilder::build) {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return unreached(http_client::told(error)),
        Err(error) => return unreached(error.to_string()),
    };
    let answer = match client.get(base).send().await {
        Ok(answer) => answer,
        Err(error) => return unreached(http_client::told(error)),
    };
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    match date.and_then(|date| rfc2822::parse(date).ok()) {
        Some(theirs) => judge_clock(now, theirs.timestamp()),
        None => Finding::skipped(CHECK, format!("{base} answers without a date")),
    }
}

fn judge_clock(ours: Timestamp, theirs: Timestamp) -> Finding {
    const CHECK: &str = "clock";
    let seconds = ours.duration_since(theirs).as_secs();
    let found =
        format!("{} seconds {} of WeChat's", seconds.abs(), if seconds < 0 { "behind" } else { "ahead" });
    let cure = "Set the clock and keep it right: `timedatectl set-ntp true`, or chrony.";
    match seconds.abs() {
        0..=CLOCK_OFF => Finding::ok(CHECK, "agrees with WeChat's"),
        off if off <= CLOCK_WRONG => Finding::warning(CHECK, found, cure),
        _ => Finding::failed(CHECK, found, cure),
    }
}

/// How old the newest ticket is.
pub(super) async fn ticket(views: &Views, component: &ComponentId) -> Finding {
    const CHECK: &str = "tickets";
    let view = views.component(component, Timestamp::now()).await;
    let age = match view {
        Ok(view) => view.ticket.map(|ticket| ticket.age_seconds),
        Err(error) => return Finding::failed(CHECK, error, "See the database above."),
    };
    let cure = "WeChat pushes one every 10 minutes to the authorization event URL. Compare that URL, token and EncodingAESKey with \
         WeChat's console; see that its addresses pass the firewall and that the answer is `success`; then start tickets again \
         in the console. The log of ingress names refused callbacks: `mandate doctor --request FILE` takes one apart.";
    match age {
        None => Finding::failed(CHECK, format!("{component} has no ticket"), cure),
        Some(age) if age > TICKET_MISSING => {
            Finding::failed(CHECK, format!("the newest of {component} is {} minutes old", age / 60), cure)
        }
        Some(age) if age > TICKET_LATE => {
            Finding::warning(CHECK, format!("the newest of {component} is {} minutes old", age / 60), cure)
        }
        Some(age) => Finding::ok(CHECK, format!("the newest of {component} is {} minutes old", age / 60)),
    }
}

/// Makes one harmless call: it tells whether `WeChat` takes calls from the address that they leave from.
pub(super) async fn outgoing_address(worker: &Worker, component: &ComponentId) -> Finding {
    const CHECK: &str = "outgoing address";
    match worker.tokens.call(&PreauthCodeRequest { component_appid: component }).await {
        Ok(_) => Finding::ok(CHECK, format!("WeChat takes calls of {component} from it")),
        Err(Uncalled::Token(error)) => of_token(component, &error),
        Err(Uncalled::Call(error)) => match error.refusal() {
            Some(refusal) => of_refusal(component, refusal),
            None => Finding::failed(CHECK, error, "See that this machine reaches WeChat's API."),
        },
    }
}

fn of_token(component: &ComponentId, error: &TokenError) -> Finding {
    const CHECK: &str = "outgoing address";
    let refusal = match error {
        TokenError::Failed(failed) => failed.refusal(),
        TokenError::Paused(error) => error.refusal(),
        _ => None,
    };
    match refusal {
        Some(refusal) => of_refusal(component, refusal),
        None => Finding::skipped(CHECK, format!("{component} has no access token to call with: {error}")),
    }
}

fn of_refusal(component: &ComponentId, refusal: &Refusal) -> Finding {
    const CHECK: &str = "outgoing address";
    let entry = errors::lookup(refusal.errcode);
    let (meaning, cure) = entry.map_or(("", ""), |entry| (entry.meaning, entry.cure()));
    let found = format!("WeChat refuses calls of {component}: {refusal}: {meaning}");
    let seen = refusal.client_ip();
    if !refusal.is_about_address() {
        return Finding::failed(CHECK, found, cure);
    }
    let (found, address) = match seen {
        Some(address) => (format!("{found}; it saw them come from {address}"), address.to_string()),
        None => (found, "the address that this machine's calls leave from".to_owned()),
    };
    let cure = format!(
        "Add {address} on the WeChat Open Platform: 第三方平台 → 详情 → 开发配置 → 白名单 IP 地址列表."
    );
    Finding::failed(CHECK, found, cure)
}

/// Whether the address that merchants are sent to leads to our pages.
pub(super) async fn public_pages(config: &Config) -> Finding {
    const CHECK: &str = "public pages";
    let url = format!("{}/authorize/doctor", config.worker.public_url);
    let cure = "worker.public_url must be the address at which browsers reach worker.public_listen; see the proxy in front of it, \
         DNS and the certificate, and that the service runs.";
    match get(&url).await {
        Ok((404, body)) if body.contains("noindex, nofollow") => {
            Finding::ok(CHECK, format!("{url} is answered by us"))
        }
        Ok((status, _)) => Finding::failed(
            CHECK,
            format!("{url} answers with HTTP status {status}, and not as our pages do"),
            cure,
        ),
        Err(error) => Finding::failed(CHECK, format!("{url}: {error}"), cure),
    }
}

/// Whether the URLs of `WeChat`'s console lead to our door, which takes POST only.
pub(super) async fn callback_urls(config: &Config, base: Option<&str>) -> Vec<Finding> {
    const CHECK: &str = "callback URLs";
    let Some(base) = base else {
        let how = "give --callback-url https://HOST, as it stands in WeChat's console, to check them";
        return vec![Finding::skipped(CHECK, how)];
    };
    let cure = "The proxy must pass this path on to ingress.listen, with its query and its body unchanged; see the README.";
    let mut findings = Vec::new();
    for component in &config.components {
        let url = format!("{}{}", base.trim_end_matches('/'), component.event_path);
        findings.push(match get(&url).await {
            Ok((405, _)) => Finding::ok(CHECK, format!("{url} is answered by us")),
            Ok((status, _)) => Finding::failed(
                CHECK,
                format!("{url} answers GET with HTTP status {status} instead of 405"),
                cure,
            ),
            Err(error) => Finding::failed(CHECK, format!("{url}: {error}"), cure),
        });
    }
    findings
}

async fn get(url: &str) -> Result<(u16, String), String> {
    let client = http_client::builder(TIMEOUT, None).and_then(reqwest::ClientBuilder::build);
    let answer = client.map_err(http_client::told)?.get(url).send().await.map_err(http_client::told)?;
    Ok((answer.status().as_u16(), answer.text().await.map_err(http_client::told)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off() {
        let now = Timestamp::now();
        for (seconds, verdict) in [
            (0, Verdict::Ok),
            (-4, Verdict::Ok),
            (30, Verdict::Warning),
            (-3_600, Verdict::Failed),
            (61, Verdict::Failed),
        ] {
            let theirs = now + Duration::from_secs(10_000);
            let ours = theirs + jiff::SignedDuration::from_secs(seconds);
            assert_eq!(judge_clock(ours, theirs).verdict, verdict, "{seconds}");
        }
    }
}
