//! Calls to `WeChat` under the component's token: a refused token is replaced, and the call repeated, once.

use mandate_wechat::api::Request;

use super::{TokenError, Tokens, wants_new_component_token};
use crate::wechat::error::CallError;

/// Why a call under the component's token brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Uncalled {
    /// There is no component token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Tokens {
    /// Makes a call under the token of the request's component.
    ///
    /// # Errors
    ///
    /// [`Uncalled`].
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Reply, Uncalled> {
        let mut repaired = false;
        loop {
            let token = self.of_components.get(request.component()).await?;
            let error = match self.api.call(request, Some(&token.token)).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if repaired || !wants_new_component_token::<R>(&error) {
                return Err(error.into());
            }
            repaired = true;
            self.of_components.invalidate(request.component(), &token).await?;
        }
    }
}
