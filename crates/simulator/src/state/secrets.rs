//! What makes secrets of many owners bad at once, as `WeChat` does now and then without a word.

use mandate_schema::{AuthorizerId, ComponentId};

use super::{Owner, SecretKind, State};
use crate::error::OrderError;

/// Which platforms and accounts something happens to; `None` is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) component: Option<ComponentId>,
    pub(crate) authorizer: Option<AuthorizerId>,
}

impl Scope {
    /// Whether a platform is meant.
    pub(crate) fn has_component(&self, component: &ComponentId) -> bool {
        self.component.as_ref().is_none_or(|only| only == component)
    }

    /// Whether an account is meant.
    pub(crate) fn has_authorizer(&self, authorizer: &AuthorizerId) -> bool {
        self.authorizer.as_ref().is_none_or(|only| only == authorizer)
    }

    /// Refuses a platform that is not there: it would be a silent no-op.
    pub(crate) fn check(&self, state: &State) -> Result<(), OrderError> {
        self.component.as_ref().map_or(Ok(()), |id| state.component(id).map(|_| ()))
    }
}

impl State {
    /// Every access token in scope is bad from now on (40001). With an account in scope, only account tokens.
    pub(crate) fn invalidate_tokens(&mut self, scope: &Scope, now: i64) {
        self.tokens.retire_all(now, |owner| match owner {
            Owner::Component(component) => scope.authorizer.is_none() && scope.has_component(component),
            Owner::Account(component, account) => {
                scope.has_component(component) && scope.has_authorizer(account)
            }
        });
    }

    /// Every refresh token in scope gets a successor and is bad at once (61023).
    pub(crate) fn rotate_refresh_tokens(&mut self, scope: &Scope, now: i64) {
        let (mint, length) = (&mut self.mint, self.switches.value_length);
        let components =
            self.components.values_mut().filter(|component| scope.has_component(&component.app_id));
        for component in components {
            for (account, authorization) in &mut component.authorizations {
                if scope.has_authorizer(account) && authorization.refresh_token().is_some() {
                    authorization.rotate(mint.secret(SecretKind::RefreshToken, length), now, now);
                }
            }
        }
    }

    /// Every ticket in scope is expired (61005); the next push brings a new one.
    pub(crate) fn expire_tickets(&mut self, scope: &Scope, now: i64) {
        for component in self.components.values_mut().filter(|it| scope.has_component(&it.app_id)) {
            component.expire_tickets(now);
        }
    }
}
