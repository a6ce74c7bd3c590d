//! How we know that it is the firewall: CA certificates, or the fingerprint of its own certificate.
//! There is no way to switch the check off.

use std::{fmt::Write as _, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use sallyport_contract::object::FirewallTls;
use sha2::{Digest as _, Sha256};

/// Why `Firewall.spec.tls` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Neither or both ways are set.
    #[error("exactly one of spec.tls.caBundle and spec.tls.fingerprint must be set")]
    Neither,
    /// The fingerprint is none.
    #[error("spec.tls.fingerprint is not SHA256: and 64 hex digits")]
    Fingerprint,
    /// The bundle cannot be read.
    #[error("spec.tls.caBundle does not hold usable CA certificates in PEM")]
    Bundle,
    /// The TLS stack refuses the configuration.
    #[error("the TLS client cannot be set up")]
    Client(#[source] Error),
}

/// The TLS side of every call to one firewall.
///
/// # Errors
/// What the `Firewall` object says cannot be used.
pub fn client_config(tls: &FirewallTls) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let trust = match (&tls.ca_bundle, &tls.fingerprint) {
        (Some(bundle), None) => Trust::Authorities(authorities(bundle, &provider)?),
        (None, Some(text)) => Trust::Fingerprint(fingerprint(text).ok_or(TrustError::Fingerprint)?),
        (Some(_), Some(_)) | (None, None) => return Err(TrustError::Neither),
    };
    let verifier = Verifier { trust, provider: Arc::clone(&provider) };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Client)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn authorities(
    bundle: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        let certificate = certificate.map_err(|_| TrustError::Bundle)?;
        roots.add(certificate).map_err(|_| TrustError::Bundle)?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|_| TrustError::Bundle)
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let hex: Vec<u8> = text.strip_prefix("SHA256:")?.bytes().filter(|b| *b != b':').collect();
    let mut bytes = [0; 32];
    if hex.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[derive(Debug)]
enum Trust {
    Authorities(Arc<WebPkiServerVerifier>),
    Fingerprint([u8; 32]),
}

/// Checks the certificate one way or the other, and the handshake's signatures always: a certificate
/// alone is public and proves nothing.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = shown(end_entity);
        match &self.trust {
            Trust::Fingerprint(pinned) if Sha256::digest(end_entity).as_slice() == pinned => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Fingerprint(_) => Err(Error::General(format!(
                "the firewall shows another certificate than spec.tls.fingerprint says: {seen}"
            ))),
            Trust::Authorities(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| Error::General(untrusted(&error, &seen))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn untrusted(error: &Error, seen: &str) -> String {
    let unknown = matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer));
    let why =
        if unknown { "no certificate of spec.tls.caBundle signed it".to_owned() } else { error.to_string() };
    format!("the firewall's certificate is not the one expected: {why}; it is {seen}")
}

fn shown(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().fold("SHA256:".to_owned(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use rustls::{
        ClientConnection, ServerConfig, ServerConnection,
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    };

    use super::*;

    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);

    impl ResolvesServerCert for Shows {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    fn certificate() -> (CertificateDer<'static>, rcgen::KeyPair) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["fw-1".to_owned()]).unwrap();
        (cert.der().clone(), signing_key)
    }

    /// A handshake in memory with a server that shows `certificate` and signs with `key`.
    fn handshake(
        pinned: &CertificateDer<'static>,
        shown_one: CertificateDer<'static>,
        key: &rcgen::KeyPair,
    ) -> Result<(), Error> {
        let pin = shown(pinned);
        let config = client_config(&FirewallTls { ca_bundle: None, fingerprint: Some(pin) }).unwrap();
        let der = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let signer = aws_lc_rs::sign::any_supported_type(&der).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(vec![shown_one], signer)))));
        let mut client = ClientConnection::new(Arc::new(config), "fw-1".try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn a_pinned_certificate_needs_its_own_key() {
        let ((ours, key), (other, other_key)) = (certificate(), certificate());
        assert!(handshake(&ours, ours.clone(), &key).is_ok());
        assert!(handshake(&ours, ours.clone(), &other_key).is_err(), "a copied certificate proves nothing");
        let error = handshake(&ours, other.clone(), &other_key).unwrap_err().to_string();
        assert!(error.contains(&shown(&other)), "{error}");
    }

    #[test]
    fn fingerprints_read_with_and_without_colons() {
        let plain = format!("SHA256:{}", "ab".repeat(32));
        let colons = format!("SHA256:{}", ["AB"; 32].join(":"));
        assert_eq!(fingerprint(&plain), Some([0xab; 32]));
        assert_eq!(fingerprint(&colons), Some([0xab; 32]));
        for bad in ["", "SHA256:", "SHA256:ab", &"ab".repeat(32), &format!("SHA256:{}", "zz".repeat(32))] {
            assert_eq!(fingerprint(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_unusable_trust_is_an_error() {
        let with = |ca: Option<&str>, pin: Option<&str>| FirewallTls {
            ca_bundle: ca.map(ToOwned::to_owned),
            fingerprint: pin.map(ToOwned::to_owned),
        };
        assert!(matches!(client_config(&with(None, None)), Err(TrustError::Neither)));
        assert!(matches!(client_config(&with(Some("no PEM"), None)), Err(TrustError::Bundle)));
        assert!(matches!(client_config(&with(None, Some("SHA256:1"))), Err(TrustError::Fingerprint)));
    }
}
