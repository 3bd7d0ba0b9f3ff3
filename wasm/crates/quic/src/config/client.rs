//! Whom a client believes, and what it asks for.

use std::sync::{Arc, Mutex};

use quinn_proto::{ConnectionId, TokenMemoryCache, crypto::rustls::QuicClientConfig};
use rand::rngs::StdRng;
use rustls::{RootCertStore, client::Resumption, client::WebPkiServerVerifier, client::danger::ServerCertVerifier};

use super::{
    Config, TransportSettings,
    crypto::{Crypto, crypto_provider, initial_suite},
    pem, protocols,
};
use crate::{
    Error,
    cids::random,
    clock::Clock,
    observe::{KeyLines, ObservedClient, Observer, Observing},
    proof::{Proof, WatchedVerifier},
    trust::{AnyCertificate, PinnedCertificate},
};

/// Server names whose tickets and tokens a configuration keeps; the least recently used go first.
const REMEMBERED_SERVERS: usize = 256;
/// rustls counts sessions in eights.
const TICKETS_PER_SERVER: usize = 8;
/// As many as a server sends.
const TOKENS_PER_SERVER: usize = 2;

/// Whom a client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Anybody (tests only).
    None,
    /// Leaf certificates by SHA-256; the material is the hashes one after the other.
    Sha256,
    /// Certification authorities; the material is each one's length (u32, big endian) and PEM or DER.
    Roots,
}

/// A client's protocols, trust and transport.
pub struct ClientOptions<'a> {
    /// RFC 7301 protocol name list, the favourite first.
    pub alpn: &'a [u8],
    /// Kind of trust.
    pub trust: Trust,
    /// What the kind needs.
    pub material: &'a [u8],
    /// Transport behaviour.
    pub transport: TransportSettings,
    /// 0-RTT is offered to servers that gave a ticket for it: whoever records it can send it again.
    pub early_data: bool,
    /// What its connections tell of themselves.
    pub observing: Observing,
}

impl ClientOptions<'_> {
    pub(crate) fn build(
        self,
        clock: &Clock,
        rng: &Arc<Mutex<StdRng>>,
        proof: &Proof,
        crypto: Crypto,
        observer: &Arc<Observer>,
    ) -> Result<Config, Error> {
        let provider = crypto_provider(crypto);
        let verifier: Arc<dyn ServerCertVerifier> = match self.trust {
            Trust::None => Arc::new(AnyCertificate::new(provider.clone())),
            Trust::Sha256 => Arc::new(PinnedCertificate::new(self.material, provider.clone())),
            Trust::Roots => {
                WebPkiServerVerifier::builder_with_provider(Arc::new(root_store(self.material)?), provider.clone())
                    .build()
                    .map_err(|error| Error::CertificateInvalid(error.to_string()))?
            }
        };
        let verifier = Arc::new(WatchedVerifier { inner: verifier, proof: proof.clone() });
        let mut tls = rustls::ClientConfig::builder_with_details(provider, clock.wall())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| Error::OptionInvalid(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        tls.alpn_protocols = protocols(self.alpn)?;
        tls.enable_early_data = self.early_data;
        tls.resumption = Resumption::in_memory_sessions(REMEMBERED_SERVERS * TICKETS_PER_SERVER);
        let Observing { key_log, trace } = self.observing;
        if key_log != 0 {
            tls.key_log = Arc::new(KeyLines::new(observer.clone(), key_log));
        }
        let crypto = QuicClientConfig::with_initial(Arc::new(tls), initial_suite()?)
            .map_err(|error| Error::OptionInvalid(error.to_string()))?;
        let crypto = Arc::new(crypto);
        let traced = (trace != 0).then_some(observer);
        let crypto: Arc<dyn quinn_proto::crypto::ClientConfig> = match traced {
            Some(observer) => Arc::new(ObservedClient { inner: crypto, observer: observer.clone(), tag: trace }),
            None => crypto,
        };
        let mut quic = quinn_proto::ClientConfig::new(crypto);
        let rng = rng.clone();
        quic.transport_config(Arc::new(self.transport.quic(traced)?))
            .token_store(Arc::new(TokenMemoryCache::new(REMEMBERED_SERVERS as u32, TOKENS_PER_SERVER)))
            // RFC 9000 section 7.2: at least eight unpredictable bytes. From our seed, so that runs repeat.
            .initial_dst_cid_provider(Arc::new(move || {
                let mut cid = [0; 16];
                random(&rng, &mut cid);
                ConnectionId::new(&cid)
            }));
        Ok(Config::Client { quic, settings: Arc::new(self.transport) })
    }
}

fn root_store(material: &[u8]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let mut rest = material;
    let mut refused = None;
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let (one, tail) = tail
            .split_at_checked(u32::from_be_bytes(*length) as usize)
            .ok_or_else(|| Error::CertificateInvalid("the list of roots is cut short".into()))?;
        rest = tail;
        for certificate in pem::certificates(one)? {
            // A system's bundle may hold one that webpki refuses; that is none of the caller's business.
            if let Err(error) = store.add(certificate) {
                refused = Some(error);
            }
        }
    }
    match (store.is_empty(), refused) {
        (false, _) => Ok(store),
        (true, Some(error)) => Err(Error::CertificateInvalid(error.to_string())),
        (true, None) => Err(Error::CertificateInvalid("there is no root".into())),
    }
}
