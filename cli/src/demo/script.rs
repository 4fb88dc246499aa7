//! What happens in the demo: two platforms, five merchants, and the usual mishaps.

use std::time::Duration;

use mandate_schema::{AuthorizerId, ComponentId};
use mandate_simulator::{
    Act, AuthorizerOutcome, AuthorizerSpec, Delivery, FaultKind, FaultSpec, Hold, OrderError, ReleaseSpec,
    Simulator,
};

use mandate_worker::views::Views;
use tokio::time::{Instant, sleep};

use crate::exit::CliError;

/// How long one step may take to show in the state.
const PATIENCE: Duration = Duration::from_secs(30);

/// The merchants, by what happens to them.
pub(super) struct Cast {
    /// Confirms again with a permission less.
    pub(super) updates: Merchant,
    /// Authorizes, then revokes.
    pub(super) revokes: Merchant,
    /// Its callback is delivered three times.
    pub(super) repeated: Merchant,
    /// Its revocation arrives after the authorization that followed it.
    pub(super) overtaken: Merchant,
    /// The answer to its first redemption is lost.
    pub(super) lost_answer: Merchant,
}

/// A merchant of a platform.
#[derive(Clone)]
pub(super) struct Merchant {
    pub(super) component: ComponentId,
    pub(super) app_id: AuthorizerId,
}

pub(super) async fn play(
    simulator: &Simulator,
    views: &Views,
    components: &[ComponentId],
) -> Result<Cast, CliError> {
    let director = Director { simulator, views };
    let [first, second] = components else {
        return Err(CliError::Failed(anyhow::anyhow!("the demo has two components")));
    };
    for component in [first, second] {
        accepted(&simulator.push_ticket(component).await.map_err(CliError::failed)?.deliveries)?;
    }
    let updates = director.authorize(first, "西湖茶馆 🍵", Some(vec![1, 2, 4])).await?;
    director.wait_for(&updates, "authorized").await?;
    director.update(&updates, vec![1, 2]).await?;

    let revokes = director.authorize(first, "Blue Whale Books", None).await?;
    director.wait_for(&revokes, "authorized").await?;
    accepted(&simulator.revoke(first, &revokes.app_id).await.map_err(CliError::failed)?.deliveries)?;
    director.wait_for(&revokes, "revoked").await?;

    let repeated = director.repeated(first).await?;
    let overtaken = director.overtaken(second).await?;
    let lost_answer = director.lost_answer(second).await?;
    for merchant in [&updates, &repeated, &overtaken, &lost_answer] {
        director.wait_for(merchant, "authorized").await?;
    }
    director.wait_for_profiles(&[&updates, &repeated, &overtaken, &lost_answer]).await?;
    Ok(Cast { updates, revokes, repeated, overtaken, lost_answer })
}

struct Director<'a> {
    simulator: &'a Simulator,
    views: &'a Views,
}

impl Director<'_> {
    async fn act(&self, spec: AuthorizerSpec) -> Result<AuthorizerOutcome, CliError> {
        let outcome =
            self.simulator.authorizer(spec).await.map_err(|error: OrderError| CliError::failed(error))?;
        accepted(&outcome.deliveries)?;
        Ok(outcome)
    }

    async fn authorize(
        &self,
        component: &ComponentId,
        name: &str,
        permissions: Option<Vec<u32>>,
    ) -> Result<Merchant, CliError> {
        let mut spec = AuthorizerSpec::new(component.clone(), None, Act::Authorize);
        spec.nick_name = Some(name.to_owned());
        spec.permissions = permissions;
        let outcome = self.act(spec).await?;
        Ok(Merchant { component: component.clone(), app_id: outcome.authorizer })
    }

    /// Confirms again, and waits for the permissions to change.
    async fn update(&self, merchant: &Merchant, permissions: Vec<u32>) -> Result<(), CliError> {
        let wanted: Vec<i64> = permissions.iter().copied().map(i64::from).collect();
        let updated = self.simulator.update(&merchant.component, &merchant.app_id, Some(permissions)).await;
        accepted(&updated.map_err(CliError::failed)?.deliveries)?;
        self.wait(merchant, "its new permissions", |view| view.permissions == wanted).await
    }

    async fn repeated(&self, component: &ComponentId) -> Result<Merchant, CliError> {
        let mut spec = AuthorizerSpec::new(component.clone(), None, Act::Authorize);
        spec.nick_name = Some("三次通知 ]]> 商店".into());
        spec.times = 3;
        let outcome = self.act(spec).await?;
        Ok(Merchant { component: component.clone(), app_id: outcome.authorizer })
    }

    async fn overtaken(&self, component: &ComponentId) -> Result<Merchant, CliError> {
        let merchant = self.authorize(component, "后发先至面馆", None).await?;
        self.wait_for(&merchant, "authorized").await?;
        let again = |act| AuthorizerSpec::new(component.clone(), Some(merchant.app_id.clone()), act);
        let mut revoke = again(Act::Revoke);
        revoke.hold = Hold::UntilReleased;
        self.simulator.authorizer(revoke).await.map_err(CliError::failed)?;
        self.act(again(Act::Authorize)).await?;
        self.wait(&merchant, "its second code redeemed", |view| {
            view.generation == 2 && view.credentials.access_token_expires_at.is_some()
        })
        .await?;
        for released in self.simulator.release(ReleaseSpec::default()).await.map_err(CliError::failed)? {
            accepted(&released.deliveries)?;
        }
        Ok(merchant)
    }

    async fn lost_answer(&self, component: &ComponentId) -> Result<Merchant, CliError> {
        let fault = FaultSpec::new("api_query_auth", FaultKind::DropAnswer);
        self.simulator.fault(fault).map_err(CliError::failed)?;
        self.authorize(component, "Lost & Found", None).await
    }

    async fn wait_for(&self, merchant: &Merchant, status: &str) -> Result<(), CliError> {
        self.wait(merchant, status, |view| view.status.as_str() == status).await
    }

    async fn wait_for_profiles(&self, merchants: &[&Merchant]) -> Result<(), CliError> {
        for merchant in merchants {
            self.wait(merchant, "its profile", |view| view.profile.is_some()).await?;
        }
        Ok(())
    }

    async fn wait(
        &self,
        merchant: &Merchant,
        what: &str,
        seen: impl Fn(&mandate_worker::views::AuthorizerView) -> bool,
    ) -> Result<(), CliError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = self.views.authorizer(&merchant.component, &merchant.app_id).await?;
            if view.as_ref().is_some_and(&seen) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let status = view.map_or("unknown", |view| view.status.as_str());
                let id = &merchant.app_id;
                return Err(CliError::Failed(anyhow::anyhow!(
                    "{id} should have {what} by now, but is {status}"
                )));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Every delivery of a push must have been answered `success`.
fn accepted(deliveries: &[Delivery]) -> Result<(), CliError> {
    match deliveries.iter().find(|delivery| !delivery.ok) {
        None => Ok(()),
        Some(refused) => {
            let why = refused.error.as_deref().unwrap_or_default();
            Err(CliError::Failed(anyhow::anyhow!("a push was answered {:?}: {why}", refused.status)))
        }
    }
}
