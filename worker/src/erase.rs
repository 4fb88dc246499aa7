//! Erasing an account: its secrets and personal data go, its history stays.

use std::sync::Arc;

use mandate_domain::{Authorizer, Decision, StillHeld, decide_erasure};
use mandate_schema::{AuthorizerId, CommandId, ComponentId, Erased, Push, StreamName};
use mandate_storage::{DeadLetterId, DeadPayload, Erasure, StorageError};
use mandate_wechat::push::{Content, GenuinePush};
use uuid::Uuid;

use crate::{
    inbound::opener::Opener,
    log::{Item, Log, Ruling, Verdict, fold::ReadError},
};

/// Dead letters read at once.
const PAGE: usize = 200;

/// Why an account was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// It has no history.
    #[error("nothing is known of {0}")]
    Unknown(StreamName),
    /// It may still authorize us.
    #[error(transparent)]
    Held(#[from] StillHeld),
    /// Its history or a key could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StorageError> for EraseError {
    fn from(error: StorageError) -> Self {
        Self::Read(error.into())
    }
}

/// Erases authorizers.
pub struct Eraser {
    pub(crate) log: Arc<Log>,
    pub(crate) opener: Arc<Opener>,
}

impl Eraser {
    /// Erases an account, in one append: destroys its data keys and those of notices that name it, wipes what the tables hold
    /// of it, and records that it was erased. Its messages are hidden by the append and deleted after it. What was sealed reads as null from then on, a second later in other processes;
    /// the next secret gets a new key. Another time it erases what has come since.
    ///
    /// # Errors
    ///
    /// [`EraseError`].
    pub async fn erase(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
        request: Erased,
        force: bool,
    ) -> Result<(), EraseError> {
        let stream = StreamName::Authorizer(component.clone(), authorizer.clone());
        let letters = self.letters_naming(component, authorizer).await?;
        let erasing = Item::new(CommandId(Uuid::new_v4()), stream.clone(), |seen| {
            match decide(seen.state.authorizer(), &stream, request.clone(), force) {
                Ok(decision) => {
                    let erases = Some(Erasure { letters: letters.clone() });
                    Verdict::Append(Ruling { erases, ..decision.into() }, Ok(()))
                }
                Err(error) => Verdict::Leave(Err(error)),
            }
        });
        let erased = self.log.decide_one(erasing).await?;
        erased.into_said().expect("an erasure ends no task and no visit")?;
        if let Err(error) = self.log.storage.prune_erased_messages().await {
            tracing::warn!(%error, %stream, "its messages are hidden but not all deleted; housekeeping tries again");
        }
        Ok(())
    }

    /// The dead letters of pushes that name an account. One that does not open names nobody.
    async fn letters_naming(
        &self,
        component: &ComponentId,
        authorizer: &AuthorizerId,
    ) -> Result<Vec<DeadLetterId>, StorageError> {
        let (mut naming, mut after) = (Vec::new(), None);
        loop {
            let page = self.log.storage.dead_letters(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(naming) };
            after = Some(last.letter.command);
            naming.extend(page.iter().map(|row| &row.letter).filter_map(|letter| match &letter.payload {
                DeadPayload::Push(push) => {
                    (push.component == *component && self.names(push, authorizer)).then_some(letter.command)
                }
                DeadPayload::Task(_) => None, // the storage knows whose they are
            }));
        }
    }

    fn names(&self, push: &Push, authorizer: &AuthorizerId) -> bool {
        match (&push.authorizer, self.opener.open(push)) {
            (Some(named), _) => named == authorizer,
            (None, Ok(GenuinePush { content: Ok(Content::Callback(callback)), .. })) => {
                callback.authorizers().contains(authorizer)
            }
            (None, _) => false,
        }
    }
}

fn decide(
    state: Option<&Authorizer>,
    stream: &StreamName,
    request: Erased,
    force: bool,
) -> Result<Decision, EraseError> {
    let state = state.ok_or_else(|| EraseError::Unknown(stream.clone()))?;
    Ok(decide_erasure(state, request, force)?)
}
