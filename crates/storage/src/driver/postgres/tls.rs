//! TLS to the server: the certificate is always verified, against Mozilla's roots and a private CA.

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StorageError;

/// A connector; `ca` is PEM text.
pub(super) fn connector(ca: Option<&[u8]>) -> Result<MakeRustlsConnect, StorageError> {
    let bad = |reason: String| {
        StorageError::Schema(format!("storage.ca_file holds no usable certificate: {reason}"))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    if let Some(pem) = ca {
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(bad("it is empty".to_owned()));
        }
    }
    Ok(MakeRustlsConnect::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
