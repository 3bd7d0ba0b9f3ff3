//! Which certificate a client is shown: the one for the name it asks for (RFC 6066 section 3).

use std::{collections::HashMap, sync::Arc};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Certificates by host name, and the one for everything else.
#[derive(Debug)]
pub(super) struct ByName {
    default: Arc<CertifiedKey>,
    /// In lower case; a name that begins with "*." stands for all with one label in its place (RFC 9525 section 6.3).
    named: HashMap<String, Arc<CertifiedKey>>,
}

impl ByName {
    pub(super) fn new(default: CertifiedKey) -> Self {
        Self { default: Arc::new(default), named: HashMap::new() }
    }

    /// The first certificate of a name keeps it.
    pub(super) fn add<'a>(&mut self, names: impl Iterator<Item = &'a str>, certified: CertifiedKey) {
        let certified = Arc::new(certified);
        for name in names {
            self.named.entry(name.to_ascii_lowercase()).or_insert_with(|| certified.clone());
        }
    }

    fn find(&self, asked: &str) -> Option<&Arc<CertifiedKey>> {
        let asked = asked.to_ascii_lowercase();
        self.named.get(&asked).or_else(|| {
            let (_, domain) = asked.split_once('.')?;
            self.named.get(&format!("*.{domain}"))
        })
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(hello.server_name().and_then(|asked| self.find(asked)).unwrap_or(&self.default).clone())
    }
}
