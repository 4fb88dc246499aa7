//! How this program calls others over HTTP.

use std::time::Duration;

use reqwest::{Certificate, ClientBuilder, redirect::Policy};

/// A client with Mozilla's roots, so that a machine without CA files works, and those of `ca` (PEM); without redirects, which
/// no API of ours has; without the proxies of the environment. `timeout` limits a whole call.
///
/// # Errors
///
/// `ca` is no PEM text of certificates.
pub fn builder(timeout: Duration, ca: Option<&[u8]>) -> reqwest::Result<ClientBuilder> {
    let mut roots = Vec::new();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        roots.push(Certificate::from_der(root)?);
    }
    if let Some(ca) = ca {
        roots.extend(Certificate::from_pem_bundle(ca)?);
    }
    Ok(reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(timeout)
        .connect_timeout(timeout)
        .pool_idle_timeout(Duration::from_mins(1))
        .tls_certs_only(roots)
        .user_agent(concat!("mandate/", env!("CARGO_PKG_VERSION"))))
}

/// The error with all its causes, which say what to do, and without the address, which may hold a secret.
pub fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut told = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}
