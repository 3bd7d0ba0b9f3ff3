//! What each address has open at an endpoint, so that no one address takes the room of all others.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use crate::keyed::Keyed;

/// What counts as one address: with IPv6 the /64, of which one host may have all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Source {
    pub(crate) fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => Self::V6(ip.octets()[..8].try_into().unwrap_or_default()),
        }
    }
}

/// This host itself: a crowd there is its operator's own.
pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Of one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Handshakes among them included.
    pub(crate) connections: usize,
    pub(crate) handshakes: usize,
}

/// The addresses with connections; 40 bytes for each, and nothing for those without.
pub(crate) struct Sources(HashMap<Source, Count, Keyed>);

impl Sources {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self(HashMap::with_hasher(keyed))
    }

    pub(crate) fn count(&self, source: Source) -> Count {
        self.0.get(&source).copied().unwrap_or_default()
    }

    /// A connection, and its handshake, begins.
    pub(crate) fn begin(&mut self, source: Source) {
        let count = self.0.entry(source).or_default();
        count.connections += 1;
        count.handshakes += 1;
    }

    /// A handshake is over, one way or the other.
    pub(crate) fn end_handshake(&mut self, source: Source) {
        if let Some(count) = self.0.get_mut(&source) {
            count.handshakes = count.handshakes.saturating_sub(1);
        }
    }

    /// A connection is gone; its handshake was over before.
    pub(crate) fn end(&mut self, source: Source) {
        let Some(count) = self.0.get_mut(&source) else { return };
        count.connections = count.connections.saturating_sub(1);
        if count.connections == 0 {
            self.0.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn source(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    #[test]
    fn ports_do_not_count_and_in_ipv6_neither_does_the_host_part() {
        assert_eq!(source("192.0.2.1:1"), source("192.0.2.1:2"));
        assert_ne!(source("192.0.2.1:1"), source("192.0.2.2:1"));
        assert_eq!(source("[2001:db8:1:2::3]:1"), source("[2001:db8:1:2:ffff::4]:1"));
        assert_ne!(source("[2001:db8:1:2::3]:1"), source("[2001:db8:1:3::3]:1"));
        // What a socket for both families calls an IPv4 address.
        assert_eq!(source("[::ffff:192.0.2.1]:1"), source("192.0.2.1:1"));
        assert!(is_loopback("[::ffff:127.0.0.9]:1".parse().unwrap()));
    }

    #[test]
    fn an_address_without_connections_leaves_nothing() {
        let mut sources = Sources::new(Keyed::from_rng(&mut StdRng::seed_from_u64(1)));
        let one = source("192.0.2.1:1");
        sources.begin(one);
        sources.begin(one);
        sources.end_handshake(one);
        assert_eq!(sources.count(one), Count { connections: 2, handshakes: 1 });
        sources.end(one);
        sources.end_handshake(one);
        sources.end(one);
        assert_eq!(sources.count(one), Count::default());
        assert!(sources.0.is_empty());
    }
}
