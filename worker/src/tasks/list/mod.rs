//! `WeChat`'s list of authorizers (`api_get_authorizer_list`): reading it page by page, and one scan for all who look for an
//! authorizer in it.

mod board;
mod cursor;
mod pace;
mod scan;

use std::sync::Arc;

use mandate_schema::ComponentId;

use mandate_wechat::api::{AuthorizerListReply, AuthorizerListRequest};

pub(crate) use cursor::{Cursor, OVERLAP};
pub(crate) use pace::Pace;
use scan::ListScans;

use crate::{
    tokens::{Tokens, Uncalled},
    wechat::error::CallError,
};

/// Entries asked for at once. `WeChat` may answer with fewer.
const PAGE: u64 = AuthorizerListRequest::MAX_COUNT;
/// Parameters out of range.
const OUT_OF_RANGE: i64 = 40170;

/// `WeChat`'s lists of the authorizers of all components.
pub(crate) struct Lists {
    tokens: Arc<Tokens>,
    scans: ListScans,
}

impl Lists {
    /// The lists of the components that are served; nothing is read yet.
    pub(crate) fn new(tokens: Arc<Tokens>) -> Self {
        let scans = ListScans::new(&tokens.components);
        Self { tokens, scans }
    }

    /// Whether a component is served.
    pub(crate) fn serves(&self, component: &ComponentId) -> bool {
        self.tokens.components.contains(component)
    }

    /// Reads a page of the list. An offset that `WeChat` refuses as out of range is behind the list's end: an empty page. An
    /// answer without a list is one, too, if nobody is counted from there on.
    ///
    /// # Errors
    ///
    /// [`Uncalled`].
    pub(crate) async fn page(
        &self,
        component: &ComponentId,
        offset: u64,
    ) -> Result<AuthorizerListReply, Uncalled> {
        let request = AuthorizerListRequest { component_appid: component, offset, count: PAGE };
        match self.tokens.call(&request).await {
            Err(Uncalled::Call(CallError::Refused(refusal)))
                if refusal.errcode == OUT_OF_RANGE && offset > 0 =>
            {
                Ok(AuthorizerListReply { total_count: Some(offset), list: Vec::new(), unreadable: 0 })
            }
            answered => answered?.page(offset).map_err(|error| {
                Uncalled::Call(CallError::Unreadable(error.to_string())) // a list is missing that should be there
            }),
        }
    }
}
