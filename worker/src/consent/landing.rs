//! The return from `WeChat`'s page: the code is a durable task before anything else.

use jiff::Timestamp;
use mandate_domain::{Decision, Redeem, Task};
use mandate_schema::{CodeDigest, CommandId, GrantedVia, Secret, StreamName};
use mandate_storage::{ConsentVisit, StorageError};

use super::{Consents, LINES};
use crate::log::{Decided, Item, Landing, Needs, Seen, Verdict, fold::ReadError};

/// Longest code that is taken, in bytes; `WeChat`'s have about a hundred.
const CODE_MAX: usize = 1_024;

/// Why a browser's return is not taken.
#[derive(Debug, thiserror::Error)]
pub enum LandingError {
    /// The state is not ours, or its visit is long over.
    #[error("the state is not one of ours")]
    UnknownState,
    /// Another browser opened the page.
    #[error("the page was opened in another browser")]
    OtherBrowser,
    /// The visit has brought another code already.
    #[error("the visit has brought another code already")]
    OtherCode,
    /// There is no code, or nothing that can be one.
    #[error("there is no code")]
    NoCode,
    /// The visit is over.
    #[error("the visit has expired")]
    Expired,
    /// The store, or what it holds.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StorageError> for LandingError {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

impl Consents {
    /// Takes the code that a browser brings back. Once it returns, the code will be redeemed, whatever happens to the browser
    /// or to this process. The same code again, or none, finds the same visit.
    ///
    /// # Errors
    ///
    /// [`LandingError`]; nothing was changed.
    pub async fn land(
        &self,
        state: &str,
        cookie: Option<&Secret>,
        code: Option<Secret>,
    ) -> Result<ConsentVisit, LandingError> {
        let id = self.log.vault.open_state(state).ok_or(LandingError::UnknownState)?;
        loop {
            let visit = self.log.storage.visit(id).await?.ok_or(LandingError::UnknownState)?;
            // Digests of random texts: how long their comparison takes tells nothing about the texts.
            if cookie.map(CodeDigest::of) != Some(visit.cookie) {
                return Err(LandingError::OtherBrowser);
            }
            let digest = code.as_ref().map(CodeDigest::of);
            match visit.code {
                Some(tied) if digest.is_none_or(|digest| digest == tied) => return Ok(visit),
                Some(_) => return Err(LandingError::OtherCode),
                None => {}
            }
            let (Some(code), Some(digest)) = (code.clone().filter(fits), digest) else {
                return Err(LandingError::NoCode);
            };
            if visit.expires_at <= Timestamp::now() {
                return Err(LandingError::Expired);
            }
            match self.log.decide_one(landing(&visit, &code, digest)).await? {
                Decided::Stored(_, ()) | Decided::Before(()) | Decided::Left(()) | Decided::Learned(_) => {
                    if let Some(unlogged) = LINES.admit() {
                        tracing::info!(component = %visit.terms.component, %digest, unlogged, "a browser brought a code");
                    }
                    return Ok(ConsentVisit { code: Some(digest), ..visit });
                }
                // Another request of this browser was faster: what it brought counts.
                Decided::Refused => {}
            }
        }
    }
}

/// Queues the redemption of a code that a visit brought, and ties the visit to it.
fn landing<'a>(visit: &'a ConsentVisit, code: &'a Secret, digest: CodeDigest) -> Item<'a, ()> {
    let component = &visit.terms.component;
    let redeem = Task::Redeem(Redeem {
        component: component.clone(),
        authorizer: None,
        code: code.clone(),
        via: GrantedVia::Redirect,
        tag: visit.terms.tag.clone(),
    });
    let decide = move |_: &Seen<'_>| Verdict::append(Decision::task(redeem.clone()));
    let item =
        Item::new(CommandId::of_landing(visit.id, digest), StreamName::Component(component.clone()), decide);
    Item {
        lands: Some(Landing { visit: visit.id, code: digest }),
        ..item.needing(Needs { code: Some(digest), ..Needs::default() })
    }
}

fn fits(code: &Secret) -> bool {
    (1..=CODE_MAX).contains(&code.expose().len())
}
