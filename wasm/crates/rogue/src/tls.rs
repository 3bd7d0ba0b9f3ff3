//! TLS as rustls has it, with no check of certificates, and a way to spoil the ClientHello.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme, Tls13CipherSuite,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring as provider},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    quic::{Algorithm, ClientConnection, Connection, ServerConnection, Version},
    time_provider::TimeProvider,
};

/// What the ClientHello says of transport parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientHello {
    /// They are there.
    #[default]
    Usual,
    /// They are missing.
    WithoutParameters,
    /// They stand under the number that drafts of QUIC used.
    DraftParameters,
}

/// quic_transport_parameters, RFC 9001 section 8.2.
const PARAMETERS_EXTENSION: [u8; 2] = [0x00, 0x39];

/// A self-signed certificate for "localhost" in DER, and its key in PEM.
#[must_use]
pub fn certificate() -> (Vec<u8>, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("the name is fine");
    (made.cert.der().to_vec(), made.signing_key.serialize_pem())
}

/// A client's configuration. Who uses it again comes with the tickets of the time before, and offers 0-RTT.
#[must_use]
pub fn client_config(alpn: &[&str]) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_details(crypto(), Arc::new(Noon))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is there")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.enable_early_data = true;
    Arc::new(config)
}

pub(crate) fn client(config: Arc<ClientConfig>, parameters: Vec<u8>, hello: ClientHello) -> Connection {
    let version = if hello == ClientHello::DraftParameters { Version::V1Draft } else { Version::V1 };
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(config, version, name, parameters).expect("the configuration is fine").into()
}

pub(crate) fn server(alpn: &[&str], parameters: Vec<u8>) -> Connection {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("the name is fine");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_details(crypto(), Arc::new(Noon))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is there")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("they belong together");
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    ServerConnection::new(Arc::new(config), Version::V1, parameters).expect("the configuration is fine").into()
}

/// The suite of Initial packets.
pub(crate) fn initial_suite() -> (&'static Tls13CipherSuite, &'static dyn Algorithm) {
    let suite = provider::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().expect("it is of TLS 1.3");
    (suite, suite.quic.expect("it is for QUIC too"))
}

/// The ClientHello without its transport parameters (RFC 8446 section 4.1.2).
pub(crate) fn strip_parameters(hello: &[u8]) -> Vec<u8> {
    let session_at = 4 + 2 + 32;
    let suites_at = session_at + 1 + usize::from(hello[session_at]);
    let compression_at = suites_at + 2 + number(hello, suites_at);
    let extensions_at = compression_at + 1 + usize::from(hello[compression_at]);
    let mut extensions = Vec::new();
    let mut at = extensions_at + 2;
    while at < hello.len() {
        let end = at + 4 + number(hello, at + 2);
        if hello[at..at + 2] != PARAMETERS_EXTENSION {
            extensions.extend_from_slice(&hello[at..end]);
        }
        at = end;
    }
    let mut stripped = hello[..extensions_at].to_vec();
    stripped.extend((extensions.len() as u16).to_be_bytes());
    stripped.extend(extensions);
    let length = (stripped.len() - 4) as u32;
    stripped[1..4].copy_from_slice(&length.to_be_bytes()[1..]);
    stripped
}

fn number(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}

fn crypto() -> Arc<CryptoProvider> {
    Arc::new(provider::default_provider())
}

/// A clock that stands still; rustls' own is not there on wasm32.
#[derive(Debug)]
struct Noon;

impl TimeProvider for Noon {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000)))
    }
}

/// Takes every certificate and every signature.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
