//! Session tickets without a table: the session itself, sealed with a key of the host's, so that a successor of this engine
//! can resume it. Its own part of the key for each configuration and each half day: a ticket is good where the same
//! certificate and protocols are shown, for twelve to twenty-four hours.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use rand::rngs::StdRng;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::Prk,
};
use rustls::server::ProducesTickets;

use crate::{cids::random, clock::WallClock};

const PERIOD_SECONDS: u32 = 12 * 3600;
const PERIOD_BYTES: usize = 4;

/// The host's key, and what sealing needs besides.
pub(crate) struct TicketKey {
    key: Prk,
    rng: Arc<Mutex<StdRng>>,
    wall: Arc<WallClock>,
}

impl TicketKey {
    pub(super) fn new(key: Prk, rng: Arc<Mutex<StdRng>>, wall: Arc<WallClock>) -> Self {
        Self { key, rng, wall }
    }

    /// `identity`: what the server shows, hashed.
    pub(super) fn ticketer(self: &Arc<Self>, identity: [u8; 32]) -> Arc<dyn ProducesTickets> {
        Arc::new(Ticketer { key: self.clone(), identity })
    }

    fn period(&self) -> u32 {
        (self.wall.since_epoch().as_secs() / u64::from(PERIOD_SECONDS)) as u32
    }
}

/// Tickets of one configuration.
struct Ticketer {
    key: Arc<TicketKey>,
    identity: [u8; 32],
}

impl Ticketer {
    fn sealing(&self, period: u32) -> Option<LessSafeKey> {
        let period = period.to_be_bytes();
        let info = [b"moqingbird ticket".as_slice(), &self.identity, &period];
        let key = self.key.key.expand(&info, &CHACHA20_POLY1305).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(key)))
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        PERIOD_SECONDS
    }

    /// Period, nonce, sealed session.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let period = self.key.period();
        let mut nonce = [0; NONCE_LEN];
        random(&self.key.rng, &mut nonce);
        let mut sealed = plain.to_vec();
        let key = self.sealing(period)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
        Some([period.to_be_bytes().as_slice(), &nonce, &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (period, rest) = ticket.split_first_chunk::<PERIOD_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let (period, present) = (u32::from_be_bytes(*period), self.key.period());
        if period > present || present - period > 1 {
            return None;
        }
        let mut sealed = sealed.to_vec();
        let key = self.sealing(period)?;
        let plain = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut sealed).ok()?;
        Some(plain.to_vec())
    }
}

impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticketer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use ring::hkdf::{HKDF_SHA256, Salt};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::clock::Clock;

    const HOUR: u64 = 3_600_000_000;

    fn ticketer(clock: &Clock, key: &[u8], identity: u8) -> Arc<dyn ProducesTickets> {
        let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(7)));
        let key = TicketKey::new(Salt::new(HKDF_SHA256, &[]).extract(key), rng, clock.wall());
        Arc::new(key).ticketer([identity; 32])
    }

    #[test]
    fn whoever_has_the_key_and_shows_the_same_opens_a_ticket() {
        let clock = Clock::new(0, 0);
        let ticket = ticketer(&clock, b"key", 1).encrypt(b"session").unwrap();
        assert_eq!(ticketer(&clock, b"key", 1).decrypt(&ticket).as_deref(), Some(b"session".as_slice()));
        assert_eq!(ticketer(&clock, b"another", 1).decrypt(&ticket), None);
        assert_eq!(ticketer(&clock, b"key", 2).decrypt(&ticket), None);
    }

    #[test]
    fn a_changed_or_cut_ticket_is_none() {
        let clock = Clock::new(0, 0);
        let ours = ticketer(&clock, b"key", 1);
        let ticket = ours.encrypt(b"session").unwrap();
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(ours.decrypt(&changed), None, "byte {at}");
            assert_eq!(ours.decrypt(&ticket[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_ticket_ends_after_twelve_to_twenty_four_hours() {
        let clock = Clock::new(0, 0);
        let ours = ticketer(&clock, b"key", 1);
        let ticket = ours.encrypt(b"session").unwrap();
        clock.tick(24 * HOUR - 1000);
        assert!(ours.decrypt(&ticket).is_some());
        clock.tick(24 * HOUR);
        assert_eq!(ours.decrypt(&ticket), None);
    }
}
