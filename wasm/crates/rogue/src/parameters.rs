//! Transport parameters (RFC 9000 section 18) as a list that may repeat, miss or break any of them.

use crate::wire::put;

/// Identifiers.
#[allow(missing_docs)]
pub mod parameter {
    pub const ORIGINAL_DESTINATION_CONNECTION_ID: u64 = 0x00;
    pub const MAX_IDLE_TIMEOUT: u64 = 0x01;
    pub const STATELESS_RESET_TOKEN: u64 = 0x02;
    pub const MAX_UDP_PAYLOAD_SIZE: u64 = 0x03;
    pub const INITIAL_MAX_DATA: u64 = 0x04;
    pub const INITIAL_MAX_STREAM_DATA_BIDI_LOCAL: u64 = 0x05;
    pub const INITIAL_MAX_STREAM_DATA_BIDI_REMOTE: u64 = 0x06;
    pub const INITIAL_MAX_STREAM_DATA_UNI: u64 = 0x07;
    pub const INITIAL_MAX_STREAMS_BIDI: u64 = 0x08;
    pub const INITIAL_MAX_STREAMS_UNI: u64 = 0x09;
    pub const ACK_DELAY_EXPONENT: u64 = 0x0a;
    pub const MAX_ACK_DELAY: u64 = 0x0b;
    pub const PREFERRED_ADDRESS: u64 = 0x0d;
    pub const ACTIVE_CONNECTION_ID_LIMIT: u64 = 0x0e;
    pub const INITIAL_SOURCE_CONNECTION_ID: u64 = 0x0f;
    pub const RETRY_SOURCE_CONNECTION_ID: u64 = 0x10;
    pub const MAX_DATAGRAM_FRAME_SIZE: u64 = 0x20;
}

/// What a peer says of itself.
#[derive(Clone, Debug)]
pub struct Parameters(Vec<(u64, Vec<u8>)>);

impl Parameters {
    /// Those of a well-behaved peer; the peer adds its connection ids.
    #[must_use]
    pub fn usual() -> Self {
        let mut parameters = Self(Vec::new());
        for (id, value) in [
            (parameter::MAX_IDLE_TIMEOUT, 30_000),
            (parameter::INITIAL_MAX_DATA, 1 << 20),
            (parameter::INITIAL_MAX_STREAM_DATA_BIDI_LOCAL, 1 << 18),
            (parameter::INITIAL_MAX_STREAM_DATA_BIDI_REMOTE, 1 << 18),
            (parameter::INITIAL_MAX_STREAM_DATA_UNI, 1 << 18),
            (parameter::INITIAL_MAX_STREAMS_BIDI, 16),
            (parameter::INITIAL_MAX_STREAMS_UNI, 16),
            (parameter::ACTIVE_CONNECTION_ID_LIMIT, 4),
            (parameter::MAX_DATAGRAM_FRAME_SIZE, 65_535),
        ] {
            parameters = parameters.with_number(id, value);
        }
        parameters
    }

    /// One more, even if it is there already.
    #[must_use]
    pub fn with(mut self, id: u64, value: &[u8]) -> Self {
        self.0.push((id, value.to_vec()));
        self
    }

    /// One more whose value is a number.
    #[must_use]
    pub fn with_number(self, id: u64, number: u64) -> Self {
        let mut value = Vec::new();
        put(&mut value, number);
        self.with(id, &value)
    }

    /// Without any of this id.
    #[must_use]
    pub fn without(mut self, id: u64) -> Self {
        self.0.retain(|(other, _)| *other != id);
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (id, value) in &self.0 {
            put(&mut bytes, *id);
            put(&mut bytes, value.len() as u64);
            bytes.extend_from_slice(value);
        }
        bytes
    }
}
