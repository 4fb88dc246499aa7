//! The one TLS provider of the process.

/// Makes ring the provider of every TLS connection of this process.
///
/// Call it first thing in `main`, and in tests that open a client: reqwest panics without a provider. Calling it again
/// changes nothing.
pub fn install_provider() {
    // An error only says that a provider is installed already; ours is the only one that is compiled in.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_leaves_one_provider() {
        install_provider();
        install_provider();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
