//! The release check (全网发布接入检测), as `WeChat` runs it before a platform may serve everybody: its test accounts authorize,
//! write, and revoke.

mod accounts;
mod messages;
mod report;

use std::time::{Duration, Instant};

use mandate_schema::{AuthorizerId, ComponentId};

pub(crate) use accounts::test_account;
use accounts::{GROUPS, Group, TestAccount};
pub use report::{Exchange, ReleaseCheckItem, ReleaseCheckReport};

use crate::{
    error::OrderError,
    orders::{AuthorizerSpec, ReleaseCheckSpec},
    push::{Delivery, Draft},
    simulator::Simulator,
    state::Act,
};

/// Why an item did not pass.
struct Fault {
    cause: String,
    exchanges: Vec<Exchange>,
}

/// A check under way.
struct Check<'a> {
    simulator: &'a Simulator,
    component: &'a ComponentId,
    /// How long a customer-service message may take.
    wait: Duration,
}

impl Simulator {
    /// Plays the release check against a platform and judges what it does. The official account's code comes with its
    /// `authorized` and again with the text that asks about it; the mini program's comes with the text alone.
    ///
    /// # Errors
    ///
    /// [`OrderError`]: no such component or group.
    pub async fn release_check(&self, spec: ReleaseCheckSpec) -> Result<ReleaseCheckReport, OrderError> {
        let (number, wait) = spec.checked(GROUPS.len())?;
        self.state().component(&spec.component)?;
        let number = number.unwrap_or_else(|| fastrand::usize(1..=GROUPS.len()));
        let check = Check { simulator: self, component: &spec.component, wait };
        let items = check.play(&GROUPS[number - 1]).await?;
        let passed = items.iter().all(|item| item.passed);
        Ok(ReleaseCheckReport { component: spec.component.clone(), group: number, passed, items })
    }
}

impl Check<'_> {
    async fn play(&self, group: &Group) -> Result<Vec<ReleaseCheckItem>, OrderError> {
        let Group { official_account, mini_program } = group;
        let mut items =
            vec![item("ticket", "ticket received (推送component_verify_ticket)", self.ticket()).await];

        let (announcement, code) = self.change(official_account, Act::Authorize)?;
        items.push(item("authorization", "authorization received", self.taken(announcement)).await);
        items.push(item("text", "plain text answered (返回普通文本消息)", self.text(official_account)).await);
        items.push(item("event", "event answered (发送事件消息)", self.event(official_account)).await);
        let text = self.api_text(official_account, &code);
        items.push(item("api_text", "API text sent (返回Api文本消息)", text).await);

        let (_, code) = self.change(mini_program, Act::Authorize)?;
        let text = self.api_text(mini_program, &code);
        items.push(item("api_text_mini_program", "API text of the mini program sent", text).await);

        let (first, _) = self.change(official_account, Act::Revoke)?;
        let (second, _) = self.change(mini_program, Act::Revoke)?;
        let revocations = async {
            self.taken(first).await?;
            self.taken(second).await
        };
        items.push(item("revocation", "revocations received (取消授权)", revocations).await);
        Ok(items)
    }

    /// What an account does; its push, and the code if there is one.
    fn change(&self, account: &TestAccount, act: Act) -> Result<(Draft, String), OrderError> {
        let spec = AuthorizerSpec::new(self.component.clone(), Some(account.app_id()), act);
        let now = self.simulator.now().seconds();
        let changed = self.simulator.state().change(spec.change()?, now)?;
        let draft = changed.draft.expect("grants and revocations are announced");
        Ok((draft, changed.code.unwrap_or_default()))
    }

    async fn ticket(&self) -> Result<(), Fault> {
        let now = self.simulator.now().seconds();
        let draft = self.simulator.state().ticket(self.component, now, now);
        self.taken(draft.expect("the component is there")).await
    }

    /// A callback that wants `success`.
    async fn taken(&self, draft: Draft) -> Result<(), Fault> {
        let delivery = self.deliver(&draft).await?;
        if delivery.ok {
            Ok(())
        } else {
            Err(Fault::of("it was not answered with `success`", &draft, &delivery))
        }
    }

    async fn deliver(&self, draft: &Draft) -> Result<Delivery, Fault> {
        let stopped = || Fault { cause: "the simulator stops".to_owned(), exchanges: Vec::new() };
        self.simulator.deliver_once(draft).await.ok_or_else(stopped)
    }
}

/// Runs an item; what came of it.
async fn item(name: &str, title: &str, run: impl Future<Output = Result<(), Fault>>) -> ReleaseCheckItem {
    let started = Instant::now();
    let result = run.await;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (cause, exchanges) = match result {
        Ok(()) => (None, Vec::new()),
        Err(fault) => (Some(fault.cause), fault.exchanges),
    };
    let (name, title, passed) = (name.to_owned(), title.to_owned(), cause.is_none());
    ReleaseCheckItem { name, title, passed, millis, cause, exchanges }
}

impl Fault {
    fn of(cause: &str, draft: &Draft, delivery: &Delivery) -> Self {
        let status = delivery.status.map_or("no answer".to_owned(), |status| status.to_string());
        let mut received = format!("{status} {:?}", delivery.body);
        for (name, text) in [("opened", &delivery.reply), ("error", &delivery.error)] {
            if let Some(text) = text {
                received.extend(["\n", name, ": ", text]);
            }
        }
        let cause = match &delivery.error {
            Some(error) => format!("{cause}: {error}"),
            None => cause.to_owned(),
        };
        Self { cause, exchanges: vec![Exchange { sent: draft.text(), received }] }
    }
}
