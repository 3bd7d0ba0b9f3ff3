//! Frames as the payload of a packet (RFC 9000 section 19), right or wrong.

use crate::wire::put;

/// Largest variable-length integer.
pub const MAX_VARINT: u64 = (1 << 62) - 1;

/// A packet's payload, written frame by frame.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Frames(pub(crate) Vec<u8>);

impl Frames {
    /// No frames, which no packet may have.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Any bytes.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A type and numbers, as most frames are.
    pub fn numbers(mut self, numbers: &[u64]) -> Self {
        for &number in numbers {
            put(&mut self.0, number);
        }
        self
    }

    /// PADDING up to this length.
    pub fn pad_to(mut self, length: usize) -> Self {
        if self.0.len() < length {
            self.0.resize(length, 0);
        }
        self
    }

    /// PING.
    pub fn ping(self) -> Self {
        self.numbers(&[0x01])
    }

    /// ACK: the largest number, how many below it too, and then pairs of (gap, length) as on the wire.
    pub fn ack(self, largest: u64, first: u64, ranges: &[(u64, u64)]) -> Self {
        let frames = self.numbers(&[0x02, largest, 0, ranges.len() as u64, first]);
        ranges.iter().fold(frames, |frames, &(gap, length)| frames.numbers(&[gap, length]))
    }

    /// RESET_STREAM.
    pub fn reset_stream(self, id: u64, code: u64, size: u64) -> Self {
        self.numbers(&[0x04, id, code, size])
    }

    /// STOP_SENDING.
    pub fn stop_sending(self, id: u64, code: u64) -> Self {
        self.numbers(&[0x05, id, code])
    }

    /// CRYPTO.
    pub fn crypto(self, offset: u64, bytes: &[u8]) -> Self {
        self.numbers(&[0x06, offset, bytes.len() as u64]).raw(bytes)
    }

    /// NEW_TOKEN.
    pub fn new_token(self, token: &[u8]) -> Self {
        self.numbers(&[0x07, token.len() as u64]).raw(token)
    }

    /// STREAM with offset and length.
    pub fn stream(self, id: u64, offset: u64, bytes: &[u8], fin: bool) -> Self {
        self.numbers(&[0x0e | u64::from(fin), id, offset, bytes.len() as u64]).raw(bytes)
    }

    /// MAX_STREAM_DATA.
    pub fn max_stream_data(self, id: u64, limit: u64) -> Self {
        self.numbers(&[0x11, id, limit])
    }

    /// MAX_STREAMS.
    pub fn max_streams(self, uni: bool, limit: u64) -> Self {
        self.numbers(&[0x12 + u64::from(uni), limit])
    }

    /// STREAMS_BLOCKED.
    pub fn streams_blocked(self, uni: bool, limit: u64) -> Self {
        self.numbers(&[0x16 + u64::from(uni), limit])
    }

    /// NEW_CONNECTION_ID with a token made of the sequence number.
    pub fn new_connection_id(self, sequence: u64, retire_prior_to: u64, id: &[u8]) -> Self {
        let mut token = [0x70; 16];
        token[8..].copy_from_slice(&sequence.to_be_bytes());
        self.numbers(&[0x18, sequence, retire_prior_to]).raw(&[id.len() as u8]).raw(id).raw(&token)
    }

    /// RETIRE_CONNECTION_ID.
    pub fn retire_connection_id(self, sequence: u64) -> Self {
        self.numbers(&[0x19, sequence])
    }

    /// PATH_CHALLENGE.
    pub fn path_challenge(self, data: u64) -> Self {
        self.numbers(&[0x1a]).raw(&data.to_be_bytes())
    }

    /// PATH_RESPONSE.
    pub fn path_response(self, data: u64) -> Self {
        self.numbers(&[0x1b]).raw(&data.to_be_bytes())
    }

    /// HANDSHAKE_DONE.
    pub fn handshake_done(self) -> Self {
        self.numbers(&[0x1e])
    }

    /// DATAGRAM with length (RFC 9221).
    pub fn datagram(self, bytes: &[u8]) -> Self {
        self.numbers(&[0x31, bytes.len() as u64]).raw(bytes)
    }
}
