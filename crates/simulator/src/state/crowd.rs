//! Many authorizers at once, whose codes were redeemed long ago.

use mandate_schema::{AuthorizerId, ComponentId};

use super::{Account, Authorization, SecretKind, State, Wishes};
use crate::error::OrderError;

impl State {
    /// Makes `count` new accounts that authorize the platform and have a refresh token. Nothing is pushed.
    pub(crate) fn crowd(
        &mut self,
        component: &ComponentId,
        count: usize,
        now: i64,
    ) -> Result<(), OrderError> {
        self.component(component)?;
        let mut added = Vec::with_capacity(count);
        while added.len() < count {
            let id = AuthorizerId::parse(&format!("wx{}", self.mint.hex(16))).expect("the shape of an appid");
            if self.accounts.contains_key(&id) {
                continue;
            }
            let account = Account::make(id.clone(), Wishes::default(), self.accounts.len(), &mut self.mint);
            let mut authorization = Authorization::default();
            authorization.permissions = account.kind.usual_permissions();
            (authorization.auth_time, authorization.last_change) = (now, now);
            authorization.rotate(self.mint(SecretKind::RefreshToken), now, now);
            self.accounts.insert(id.clone(), account);
            self.component_mut(component)?.authorizations.insert(id.clone(), authorization);
            added.push(id);
        }
        self.component_mut(component)?.listed.add_all(added);
        Ok(())
    }
}
