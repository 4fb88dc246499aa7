//! The items of the message URL.

use std::time::{Duration, Instant};

use super::{AuthorizerId, Check, Fault, TestAccount};
use crate::{
    orders::PushSpec,
    push::{Delivery, Draft, Route},
    state::{CallRecord, SentMessage},
    xml,
};

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Calls that a fault lists at most.
const CALLS_SHOWN: usize = 10;

impl Check<'_> {
    /// A text that wants a passive reply.
    pub(super) async fn text(&self, account: &TestAccount) -> Result<(), Fault> {
        const TEXT: &str = "TESTCOMPONENT_MSG_TYPE_TEXT";
        let draft = self.message(account, "text", &[("Content", TEXT)]);
        self.replied(&draft, &format!("{TEXT}_callback")).await
    }

    /// An event that wants its name as a passive reply: an item of older editions.
    pub(super) async fn event(&self, account: &TestAccount) -> Result<(), Fault> {
        let place = [("Latitude", "23.137466"), ("Longitude", "113.352425"), ("Precision", "119.385040")];
        let fields: Vec<_> = [("Event", "LOCATION")].into_iter().chain(place).collect();
        let draft = self.message(account, "event", &fields);
        self.replied(&draft, "LOCATIONfrom_callback").await
    }

    /// A text with a code, which wants an empty answer and soon a customer-service message.
    pub(super) async fn api_text(&self, account: &TestAccount, code: &str) -> Result<(), Fault> {
        let (calls, messages) = {
            let state = self.simulator.state();
            (state.calls.count(), state.sent.count())
        };
        let draft = self.message(account, "text", &[("Content", &format!("QUERY_AUTH_CODE:{code}"))]);
        let delivery = self.deliver(&draft).await?;
        if delivery.status != Some(200) || !delivery.body.is_empty() {
            return Err(Fault::of("it was not answered with an empty body", &draft, &delivery));
        }
        let wanted = format!("{code}_from_api");
        let mut seen = Vec::new();
        let deadline = Instant::now() + self.wait;
        while Instant::now() < deadline {
            seen = self.simulator.state().sent.since(messages);
            seen.retain(|message| message.to_user == openid(&draft));
            if seen.iter().any(|message| message.content == wanted && message.authorizer == account.app_id())
            {
                return Ok(());
            }
            if self.simulator.pause(LOOK_EVERY).await.is_none() {
                break;
            }
        }
        let calls = self.simulator.state().calls.since(calls);
        let cause = missing(self.wait, &wanted, &seen, &calls);
        Err(Fault::of(&cause, &draft, &delivery))
    }

    fn message(&self, account: &TestAccount, msg_type: &str, fields: &[(&str, &str)]) -> Draft {
        let spec = PushSpec::message(self.component.clone(), account.app_id(), msg_type);
        let spec = fields.iter().fold(spec, |spec, (name, value)| spec.field(*name, *value));
        let now = self.simulator.now().seconds();
        self.simulator.state().compose(&spec, now).expect("the account has just authorized")
    }

    async fn replied(&self, draft: &Draft, content: &str) -> Result<(), Fault> {
        let delivery = self.deliver(draft).await?;
        match wrong(&delivery, content) {
            None => Ok(()),
            Some(cause) => Err(Fault::of(&cause, draft, &delivery)),
        }
    }
}

fn openid(draft: &Draft) -> &str {
    match &draft.route {
        Route::Message { openid, .. } => openid,
        Route::Event => "",
    }
}

/// What is wrong with an answer that should be a passive text of this content. That it opens and is addressed well has been judged.
fn wrong(delivery: &Delivery, content: &str) -> Option<String> {
    let Some(reply) = &delivery.reply else {
        return Some(format!("there was no passive reply {content:?}"));
    };
    let field = |name| xml::child_text(reply, name).unwrap_or_default();
    let (msg_type, said) = (field("MsgType"), field("Content"));
    (msg_type != "text" || said != content)
        .then(|| format!("the passive reply is of type {msg_type:?} and says {said:?}, not {content:?}"))
}

/// Why a customer-service message is missing, as far as the calls tell.
fn missing(wait: Duration, wanted: &str, seen: &[SentMessage], calls: &[CallRecord]) -> String {
    let wait = wait.as_secs_f64();
    if let Some(other) = seen.first() {
        let (said, from): (_, &AuthorizerId) = (&other.content, &other.authorizer);
        return format!("the customer-service message says {said:?}, from {from}; it should say {wanted:?}");
    }
    let told = |call: &CallRecord| {
        let errcode = call.errcode.map_or("no answer".to_owned(), |errcode| errcode.to_string());
        format!("{} → {errcode}", call.api)
    };
    let told: Vec<_> = calls.iter().take(CALLS_SHOWN).map(told).collect();
    let told = if told.is_empty() { "none".to_owned() } else { told.join(", ") };
    format!("no customer-service message {wanted:?} within {wait} s; calls meanwhile: {told}")
}
