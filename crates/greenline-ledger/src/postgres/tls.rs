//! TLS on the way to the database, as `sslmode` and `sslrootcert` in its address ask for.
//!
//! The modes are libpq's. What it refuses: to fall back to anything weaker than what was asked for.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::{Postgres, Roots, Tls};

/// What a direct start of TLS names as its protocol.
const ALPN: &[u8] = b"postgresql";

/// Why TLS could not be prepared.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsTrouble {
    /// The file of roots.
    #[error("`{path}`, named by sslrootcert, cannot be read")]
    Roots {
        path: String,
        source: rustls::pki_types::pem::Error,
    },
    /// It holds nothing to trust.
    #[error("`{path}`, named by sslrootcert, holds no certificate that can be trusted")]
    NoRoots { path: String },
    /// The rest.
    #[error("TLS cannot be prepared")]
    Setup(#[from] rustls::Error),
}

/// What makes connections secure; `None` where none is to be.
pub(super) fn connector(address: &Postgres) -> Result<Option<MakeRustlsConnect>, TlsTrouble> {
    if address.tls() == Tls::Off {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(address, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    if address.is_direct() {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn verifier(
    address: &Postgres,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsTrouble> {
    let (is_named, trusted) = match (address.tls(), address.roots()) {
        (Tls::VerifyFull, roots) => (true, Some(roots)),
        // With roots of one's own, what is only required is verified too, as libpq does.
        (Tls::VerifyCa, roots) | (Tls::Require, roots @ Roots::File(_)) => (false, Some(roots)),
        (Tls::Require | Tls::Prefer | Tls::Off, _) => (false, None),
    };
    let Some(roots) = trusted else {
        return Ok(Arc::new(Anybody(Arc::clone(provider))));
    };
    let (chain, own): (Arc<dyn ServerCertVerifier>, _) = match roots {
        Roots::Machine => {
            let machine = rustls_platform_verifier::Verifier::new(Arc::clone(provider))?;
            (Arc::new(machine), Vec::new())
        }
        Roots::File(path) => {
            let own = read(path)?;
            (from_file(path, &own, provider)?, own)
        }
    };
    Ok(Arc::new(Known {
        chain,
        own,
        is_named,
    }))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsTrouble> {
    let trouble = |source| TlsTrouble::Roots {
        path: path.display().to_string(),
        source,
    };
    CertificateDer::pem_file_iter(path)
        .map_err(trouble)?
        .collect::<Result<_, _>>()
        .map_err(trouble)
}

fn from_file(
    path: &Path,
    own: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsTrouble> {
    let nothing = || TlsTrouble::NoRoots {
        path: path.display().to_string(),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(own.iter().cloned());
    if roots.is_empty() {
        return Err(nothing());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|_| nothing())
}

/// Trusts who is vouched for, and, where names matter, only under the name that was asked for.
#[derive(Debug)]
struct Known {
    chain: Arc<dyn ServerCertVerifier>,
    /// Certificates from the file of roots: a server may show one of them itself.
    own: Vec<CertificateDer<'static>>,
    is_named: bool,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.own.iter().any(|own| own == certificate) {
            if self.is_named {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let verified = self
            .chain
            .verify_server_cert(certificate, intermediates, name, ocsp, now);
        match verified {
            // The name is looked at last, so the chain is good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.is_named => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Takes any certificate whose key the server has: keeps out those who only listen.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
