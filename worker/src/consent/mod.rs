//! Merchants' consent: links, visits to them, and the codes that browsers bring back from `WeChat`'s page.
//!
//! A visit is one opening of a page: it has a pre-auth code of its own, is bound to the browser by a cookie, and takes one
//! authorization code, which becomes a task before anything else happens.

mod address;
mod landing;
mod links;
mod result;
mod visits;

use std::sync::Arc;

use mandate_runtime::strangers::LineLimit;

pub use address::Form;
pub use landing::LandingError;
pub use links::{EXPIRES_DEFAULT, LinkError, LinkOrder, TermsError};
pub use result::ConsentResult;
pub use visits::{Asked, Opened, VisitError};

use crate::{log::Log, tokens::Tokens};

/// Lines of the log about what browsers bring: strangers can make pages ask and bring codes.
static LINES: LineLimit = LineLimit::new(1);

/// Links, visits, and what became of them.
pub struct Consents {
    pub(crate) log: Arc<Log>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) settings: ConsentSettings,
}

/// Where merchants consent and what for.
#[derive(Clone, Debug)]
pub struct ConsentSettings {
    /// How browsers reach our pages, without a slash at the end.
    pub public_url: String,
    /// Base address of `WeChat`'s page for desktop browsers.
    pub base: String,
    /// Base address of `WeChat`'s page inside its app.
    pub mobile_base: String,
    /// Whether a page can be opened without a link.
    pub open: bool,
    /// Hosts that a consent may lead on to, in lower case, with a port where it is not the usual one.
    pub return_hosts: Vec<String>,
}
