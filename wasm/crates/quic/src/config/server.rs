//! What a server shows its clients.

use std::sync::Arc;

use quinn_proto::{BloomTokenLog, ValidationTokenConfig, crypto::rustls::QuicServerConfig};
use ring::digest::{Context, SHA256};
use rustls::{
    pki_types::CertificateDer,
    server::NoServerSessionStorage,
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    Config, Secrets, TransportSettings,
    crypto::{Crypto, crypto_provider, initial_suite},
    pem, protocols,
};
use crate::{
    Error,
    clock::Clock,
    observe::{KeyLines, ObservedServer, Observer, Observing},
    proof::{Proof, WatchedKey},
};

/// First packets of handshakes we have not decided on; we decide at once, so this only bounds a bug.
const MAX_INCOMING: usize = 64;
/// Bytes held for one such handshake, and for all of them.
const INCOMING_BYTES: u64 = 16 << 10;
const INCOMING_BYTES_TOTAL: u64 = 1 << 20;

/// Session tickets and NEW_TOKEN tokens a client gets: one for its next connection, one for another beside it.
const TICKETS: usize = 2;
const TOKENS: u32 = 2;
/// A NEW_TOKEN is taken once. The log of the used ones begins empty and is a filter of this size in the end.
const TOKEN_LOG_BYTES: usize = 256 << 10;
/// Uses in the two weeks of a token's life that the filter is laid out for; beyond them more clients prove their
/// address again.
const TOKEN_USES: u64 = 100_000;

/// A server's certificate, protocols and transport.
pub struct ServerOptions<'a> {
    /// PEM or DER, leaf first.
    pub certificate_chain: &'a [u8],
    /// PEM or DER.
    pub private_key: &'a [u8],
    /// RFC 7301 protocol name list, the server's favourite first.
    pub alpn: &'a [u8],
    /// Transport behaviour.
    pub transport: TransportSettings,
    /// What its connections tell of themselves.
    pub observing: Observing,
}

impl ServerOptions<'_> {
    pub(crate) fn build(
        self,
        clock: &Clock,
        secrets: &Secrets,
        proof: &Proof,
        crypto: Crypto,
        observer: &Arc<Observer>,
    ) -> Result<Config, Error> {
        let provider = crypto_provider(crypto);
        let chain = pem::certificates(self.certificate_chain)?;
        let key = provider
            .key_provider
            .load_private_key(pem::private_key(self.private_key)?)
            .map_err(|error| Error::KeyInvalid(error.to_string()))?;
        let identity = identity(&chain, self.alpn);
        let certified = CertifiedKey::new(chain, Arc::new(WatchedKey { inner: key, proof: proof.clone() }));
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(Error::KeyMismatch),
            Err(error) => return Err(Error::CertificateInvalid(error.to_string())),
        }
        let mut tls = rustls::ServerConfig::builder_with_details(provider, clock.wall())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| Error::OptionInvalid(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        tls.alpn_protocols = protocols(self.alpn)?;
        tls.ignore_client_order = true;
        // Tickets alone: a stored session would die with this instance. rustls takes no 0-RTT with them.
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.ticketer = secrets.ticket.ticketer(identity);
        tls.send_tls13_tickets = TICKETS;
        let Observing { key_log, trace } = self.observing;
        if key_log != 0 {
            tls.key_log = Arc::new(KeyLines::new(observer.clone(), key_log));
        }
        let crypto = QuicServerConfig::with_initial(Arc::new(tls), initial_suite()?)
            .map_err(|error| Error::OptionInvalid(error.to_string()))?;
        let crypto = Arc::new(crypto);
        let traced = (trace != 0).then_some(observer);
        let crypto: Arc<dyn quinn_proto::crypto::ServerConfig> = match traced {
            Some(observer) => Arc::new(ObservedServer { inner: crypto, observer: observer.clone(), tag: trace }),
            None => crypto,
        };
        let mut quic = quinn_proto::ServerConfig::new(crypto, secrets.token.clone());
        let mut tokens = ValidationTokenConfig::default();
        tokens.sent(TOKENS).log(Arc::new(BloomTokenLog::new_expected_items(TOKEN_LOG_BYTES, TOKEN_USES)));
        quic.transport_config(Arc::new(self.transport.quic(traced)?))
            .validation_token_config(tokens)
            .time_source(clock.wall())
            .migration(true)
            .max_incoming(MAX_INCOMING)
            .incoming_buffer_size(INCOMING_BYTES)
            .incoming_buffer_size_total(INCOMING_BYTES_TOTAL);
        Ok(Config::Server { quic: Arc::new(quic), settings: Arc::new(self.transport) })
    }
}

/// What a session was resumed for, were it resumed here.
fn identity(chain: &[CertificateDer<'_>], alpn: &[u8]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for part in chain.iter().map(AsRef::as_ref).chain([alpn]) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut identity = [0; 32];
    identity.copy_from_slice(hash.finish().as_ref());
    identity
}
