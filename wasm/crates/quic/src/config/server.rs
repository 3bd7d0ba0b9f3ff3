//! What a server shows its clients.

use std::sync::Arc;

use quinn_proto::{BloomTokenLog, ValidationTokenConfig, crypto::rustls::QuicServerConfig};
use ring::digest::{Context, SHA256};
use rustls::{
    crypto::CryptoProvider,
    server::{NoServerSessionStorage, ServerSessionMemoryCache},
    sign::CertifiedKey,
};

use super::{
    Config, Secrets, TransportSettings,
    crypto::{Crypto, crypto_provider, initial_suite},
    names::ByName,
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
/// Sessions a configuration with 0-RTT remembers, the newest; each some 300 bytes, and 1 KB at most.
const SESSIONS: usize = 4096;
/// The one size that QUIC knows (RFC 9001 section 4.6.1): flow control bounds what comes.
const EARLY_DATA_BYTES: u32 = u32::MAX;
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
    /// What clients see instead that ask for one of the names.
    pub named: &'a [NamedCertificate<'a>],
    /// RFC 7301 protocol name list, the server's favourite first.
    pub alpn: &'a [u8],
    /// Transport behaviour.
    pub transport: TransportSettings,
    /// 0-RTT is taken from clients with a ticket of this configuration.
    pub early_data: bool,
    /// What its connections tell of themselves.
    pub observing: Observing,
}

/// A certificate for some host names.
pub struct NamedCertificate<'a> {
    /// Separated by commas; "*.example.com" stands for every host there.
    pub names: &'a str,
    /// PEM or DER, leaf first.
    pub certificate_chain: &'a [u8],
    /// PEM or DER.
    pub private_key: &'a [u8],
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
        let mut identity = Identity::new(self.alpn);
        let default = certified(self.certificate_chain, self.private_key, &provider, proof)?;
        identity.show("", &default);
        let mut certificates = ByName::new(default);
        for NamedCertificate { names, certificate_chain, private_key } in self.named {
            let certified = certified(certificate_chain, private_key, &provider, proof)?;
            identity.show(names, &certified);
            certificates.add(names.split(','), certified);
        }
        let mut tls = rustls::ServerConfig::builder_with_details(provider, clock.wall())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| Error::OptionInvalid(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates));
        tls.alpn_protocols = protocols(self.alpn)?;
        tls.ignore_client_order = true;
        if self.early_data {
            // A ticket that names a stored session is good once, and so is what it was sent with (RFC 8446 section 8.1).
            tls.session_storage = ServerSessionMemoryCache::new(SESSIONS);
            tls.max_early_data_size = EARLY_DATA_BYTES;
        } else {
            // A stored session would die with this instance, sealed ones do not. rustls takes no 0-RTT with them.
            tls.session_storage = Arc::new(NoServerSessionStorage {});
            tls.ticketer = secrets.ticket.ticketer(identity.finish());
        }
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

/// A chain with its key, which must belong together.
fn certified(chain: &[u8], key: &[u8], provider: &CryptoProvider, proof: &Proof) -> Result<CertifiedKey, Error> {
    let chain = pem::certificates(chain)?;
    let key = provider
        .key_provider
        .load_private_key(pem::private_key(key)?)
        .map_err(|error| Error::KeyInvalid(error.to_string()))?;
    let certified = CertifiedKey::new(chain, Arc::new(WatchedKey { inner: key, proof: proof.clone() }));
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(Error::KeyMismatch),
        Err(error) => Err(Error::CertificateInvalid(error.to_string())),
    }
}

/// What a session was resumed for, were it resumed here: all that the server shows. A ticket is for one name anyway.
struct Identity(Context);

impl Identity {
    fn new(alpn: &[u8]) -> Self {
        let mut identity = Self(Context::new(&SHA256));
        identity.add(alpn);
        identity
    }

    fn show(&mut self, names: &str, certified: &CertifiedKey) {
        self.add(names.as_bytes());
        self.add(&(certified.cert.len() as u64).to_be_bytes());
        for certificate in &certified.cert {
            self.add(certificate);
        }
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    fn finish(self) -> [u8; 32] {
        let mut identity = [0; 32];
        identity.copy_from_slice(self.0.finish().as_ref());
        identity
    }
}
