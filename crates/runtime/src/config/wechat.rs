//! `[wechat]`: how `WeChat`'s API and pages are reached.

use std::{path::PathBuf, time::Duration};

use actix_web::http::Uri;
use mandate_schema::Secret;

use super::{doors::url, secret::mask_url, section::Section, types::HttpUrl};

/// A call that takes longer than this is lost.
const TIMEOUT_MAX: Duration = Duration::from_secs(15);

/// `[wechat]`.
#[derive(Clone, Debug)]
pub struct Wechat {
    /// Base of the API.
    pub api_base: HttpUrl,
    /// Base of the consent page for desktop browsers.
    pub consent_base: HttpUrl,
    /// Base of the consent page inside `WeChat`.
    pub consent_mobile_base: HttpUrl,
    /// How long one call may take.
    pub timeout: Duration,
    /// The proxy for outgoing calls, perhaps with a password in it. Proxies of the environment are ignored.
    pub proxy: Option<Secret>,
    /// A private CA for TLS to the API, as of a proxy that opens it.
    pub ca_file: Option<PathBuf>,
}

impl Wechat {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let wechat = Self {
            api_base: section.get("api_base", url("https://api.weixin.qq.com")),
            consent_base: section.get("consent_base", url("https://mp.weixin.qq.com")),
            consent_mobile_base: section.get("consent_mobile_base", url("https://open.weixin.qq.com")),
            timeout: section.get("timeout", Duration::from_secs(5)),
            proxy: section.secret_as("proxy", proxy, |proxy| mask_url(proxy.expose())),
            ca_file: section.optional("ca_file"),
        };
        if wechat.timeout > TIMEOUT_MAX {
            let key = section.key("timeout");
            let source = section.report.origin_of(&key);
            let message = format!("must be at most {}s: leases rest on it", TIMEOUT_MAX.as_secs());
            section.report.problem(key, &source, message);
        }
        section.finish();
        wechat
    }
}

fn proxy(text: &str) -> Result<Secret, String> {
    let uri = text.parse::<Uri>().ok();
    let good = uri
        .is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some());
    if good {
        Ok(Secret::new(text))
    } else {
        Err("must be an address such as \"http://user:password@proxy:3128\"".to_owned())
    }
}
