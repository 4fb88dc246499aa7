//! Keys and links: who may ask, and who is asked.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mandate_schema::{AuthorizerId, ComponentId, Scope};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Makes a key and prints it, this once.
    Create {
        /// Whose it is, for people.
        #[arg(long)]
        name: String,
        /// What it opens; may be repeated, or be several between commas: state:read, token:read, events:read, messages:read,
        /// link:create, webhook:manage, proxy, admin.
        #[arg(long, required = true, value_delimiter = ',')]
        scope: Vec<Scope>,
        /// Only for this component; may be repeated.
        #[arg(long)]
        component: Vec<ComponentId>,
        /// Only for this account; may be repeated.
        #[arg(long)]
        authorizer: Vec<AuthorizerId>,
        /// It ends by itself after this time, for example 90d.
        #[arg(long, value_name = "TIME")]
        expires_in: Option<String>,
    },
    /// Prints the keys, not their texts.
    List,
    /// Revokes a key; it opens nothing within a second.
    Revoke {
        /// The id, as list shows it.
        id: Uuid,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SealCommand {
    /// Re-wraps every data key under the first key of [seal] keys; the service may run meanwhile. Put the new key first, keep the old
    /// ones, restart every worker, then rotate; what was interrupted goes on with the next run.
    Rotate,
    /// How many data keys each master key wraps.
    Status,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// Makes a link and prints it, with a QR code on a terminal.
    Create(LinkCreate),
}

#[derive(Args, Debug)]
pub(crate) struct LinkCreate {
    /// The component that asks.
    #[arg(long, value_name = "APPID")]
    pub(crate) component: ComponentId,
    /// Which accounts may answer: 1 official accounts, 2 mini programs, 3 both (by default), 4, 5, 6 or 8.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) auth_type: Option<u8>,
    /// The one account that may answer.
    #[arg(long, value_name = "APPID")]
    pub(crate) biz_appid: Option<AuthorizerId>,
    /// A permission set that is offered; may be repeated. By default all.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) category_id: Vec<u32>,
    /// Where the merchant is led on to; its host must be one of those registered in the configuration.
    #[arg(long, value_name = "URL")]
    pub(crate) return_url: Option<String>,
    /// A tag that the authorization's event will carry.
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Also writes the QR code to this file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) qr: Option<PathBuf>,
    /// How long the link works, 7d by default; a number alone is seconds.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_in: Option<String>,
}
