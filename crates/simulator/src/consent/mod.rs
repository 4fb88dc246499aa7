//! The page on which a merchant consents (protocol notes, 4.11): what its address asks for, what it refuses, what a
//! confirmation does.

mod question;
mod refusal;

pub(crate) use question::{Form, Question};
pub(crate) use refusal::Refusal;

use std::time::Duration;

use mandate_schema::AuthorizerId;

use crate::{
    orders::AuthorizerSpec,
    simulator::Simulator,
    state::{Account, AccountKind, Act},
    switches::ConsentOrder,
    time::Span,
};

/// Merchants that a page offers at most.
const OFFERED_MAX: usize = 200;
/// How much later than the redirect a push comes that is to come later.
const LATER: Duration = Duration::from_secs(1);

/// Who confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Merchant {
    /// An account of this kind that is made for it.
    New(AccountKind),
    /// An account that is there, or is made with this appid.
    Known(AuthorizerId),
}

impl Simulator {
    /// The merchants that may confirm.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: the page does not open.
    pub(crate) fn offer(&self, question: &Question) -> Result<Vec<Account>, Refusal> {
        let (now, state) = (self.now().seconds(), self.state());
        let component = state.component(&question.component).map_err(|_| Refusal::Component)?;
        let code = component.pre_auth_codes.get(&question.pre_auth_code).ok_or(Refusal::PreAuthCode)?;
        if code.used || code.expires_at <= now {
            return Err(Refusal::PreAuthCode);
        }
        let fits = |account: &&Account| match &question.account {
            Some(only) => account.app_id == *only,
            None => question.takes(account.kind),
        };
        Ok(state.accounts.values().filter(fits).take(OFFERED_MAX).cloned().collect())
    }

    /// A merchant confirms; where its browser goes then.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; nothing has changed then.
    pub(crate) async fn confirm(&self, question: &Question, merchant: Merchant) -> Result<String, Refusal> {
        self.offer(question)?;
        let (authorizer, kind) = match merchant {
            Merchant::Known(account) if question.account.as_ref().is_none_or(|only| *only == account) => {
                (Some(account), None)
            }
            Merchant::New(kind) if question.account.is_none() && question.takes(kind) => (None, Some(kind)),
            Merchant::Known(_) | Merchant::New(_) => return Err(Refusal::Merchant),
        };
        let order = self.state().switches.consent_order;
        let life = self.state().code_life();
        let spec = AuthorizerSpec {
            kind,
            permissions: question.permissions.clone(),
            pre_auth_code: Some(question.pre_auth_code.clone()),
            push: order != ConsentOrder::EventLost,
            delay: (order == ConsentOrder::RedirectFirst).then_some(Span(LATER)),
            wait: order == ConsentOrder::EventFirst,
            ..AuthorizerSpec::new(
                question.component.clone(),
                authorizer.clone(),
                self.act(question, authorizer.as_ref()),
            )
        };
        let outcome = self.authorizer(spec).await.map_err(|error| Refusal::Order(error.to_string()))?;
        let code = outcome.code.ok_or_else(|| Refusal::Order("no code was made".to_owned()))?;
        Ok(question.back(&code, life))
    }

    /// Who authorizes the platform already confirms again.
    fn act(&self, question: &Question, authorizer: Option<&AuthorizerId>) -> Act {
        let state = self.state();
        let component = state.component(&question.component).ok();
        match authorizer.and_then(|account| component?.held(account)) {
            Some(_) => Act::Update,
            None => Act::Authorize,
        }
    }
}
