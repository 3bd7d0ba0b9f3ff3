//! What the other end said, as far as tests look at it.

use crate::wire::Reader;

/// A frame, or a packet without one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // RFC 9000 section 19.
pub enum Heard {
    Ack { largest: u64 },
    Crypto { offset: u64, bytes: Vec<u8> },
    Stream { id: u64, offset: u64, bytes: Vec<u8>, fin: bool },
    NewConnectionId { sequence: u64, id: Vec<u8> },
    RetireConnectionId { sequence: u64 },
    PathChallenge(u64),
    PathResponse(u64),
    Close { code: u64, frame: u64, reason: String },
    ApplicationClose { code: u64, reason: String },
    HandshakeDone,
    MaxStreams { uni: bool, limit: u64 },
    Datagram(Vec<u8>),
    Other(u64),
    Retry { token: Vec<u8>, source: Vec<u8> },
    VersionNegotiation,
}

impl Heard {
    /// All frames of a payload but PADDING; panics on one that cannot be read, which would be our fault.
    pub(crate) fn frames(payload: &[u8]) -> Vec<Self> {
        let mut reader = Reader(payload);
        let mut heard = Vec::new();
        while !reader.0.is_empty() {
            match Self::frame(&mut reader) {
                Some(Self::Other(0)) => {}
                Some(frame) => heard.push(frame),
                None => panic!("a frame of the engine cannot be read: {payload:02x?}"),
            }
        }
        heard
    }

    /// Calls for an acknowledgement (RFC 9000 section 13.2).
    pub(crate) fn is_ack_eliciting(&self) -> bool {
        !matches!(self, Self::Ack { .. } | Self::Close { .. } | Self::ApplicationClose { .. })
    }

    fn frame(reader: &mut Reader<'_>) -> Option<Self> {
        let kind = reader.number()?;
        let skip = |reader: &mut Reader<'_>, count: usize| (0..count).try_for_each(|_| reader.number().map(|_| ()));
        Some(match kind {
            0x02 | 0x03 => {
                let largest = reader.number()?;
                reader.number()?;
                let ranges = reader.number()?;
                skip(reader, 1 + 2 * ranges as usize + if kind == 0x03 { 3 } else { 0 })?;
                Self::Ack { largest }
            }
            0x06 => Self::Crypto { offset: reader.number()?, bytes: reader.counted()?.to_vec() },
            0x08..=0x0f => {
                let id = reader.number()?;
                let offset = if kind & 4 != 0 { reader.number()? } else { 0 };
                let bytes =
                    if kind & 2 != 0 { reader.counted()?.to_vec() } else { std::mem::take(&mut reader.0).to_vec() };
                Self::Stream { id, offset, bytes, fin: kind & 1 != 0 }
            }
            0x07 => {
                reader.counted()?;
                Self::Other(kind)
            }
            0x18 => {
                let sequence = reader.number()?;
                reader.number()?;
                let length = reader.byte()?;
                let id = reader.bytes(length.into())?.to_vec();
                reader.bytes(16)?;
                Self::NewConnectionId { sequence, id }
            }
            0x19 => Self::RetireConnectionId { sequence: reader.number()? },
            0x1a => Self::PathChallenge(fixed(reader)?),
            0x1b => Self::PathResponse(fixed(reader)?),
            0x1c => {
                let (code, frame) = (reader.number()?, reader.number()?);
                Self::Close { code, frame, reason: text(reader.counted()?) }
            }
            0x1d => Self::ApplicationClose { code: reader.number()?, reason: text(reader.counted()?) },
            0x1e => Self::HandshakeDone,
            0x30 => Self::Datagram(std::mem::take(&mut reader.0).to_vec()),
            0x31 => Self::Datagram(reader.counted()?.to_vec()),
            0x00 | 0x01 => Self::Other(kind),
            0x12 | 0x13 => Self::MaxStreams { uni: kind == 0x13, limit: reader.number()? },
            0x10 | 0x14 | 0x16 | 0x17 => {
                skip(reader, 1)?;
                Self::Other(kind)
            }
            0x05 | 0x11 | 0x15 => {
                skip(reader, 2)?;
                Self::Other(kind)
            }
            0x04 => {
                skip(reader, 3)?;
                Self::Other(kind)
            }
            // draft-ietf-quic-ack-frequency: ACK_FREQUENCY, IMMEDIATE_ACK.
            0xaf => {
                skip(reader, 4)?;
                Self::Other(kind)
            }
            0x1f => Self::Other(kind),
            _ => return None,
        })
    }
}

fn fixed(reader: &mut Reader<'_>) -> Option<u64> {
    reader.bytes(8)?.try_into().ok().map(u64::from_be_bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
