//! Packets: headers, numbers and protection (RFC 9000 section 17, RFC 9001 section 5).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::quic::{DirectionalKeys, Keys};

use crate::wire::{Reader, put};

/// A packet number space. 0-RTT shares the last one's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs)]
pub enum Space {
    Initial = 0,
    Handshake = 1,
    OneRtt = 2,
}

/// How a packet differs from a proper one.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Another packet number than the next.
    pub number: Option<u64>,
    /// The two reserved bits.
    pub reserved: u8,
    /// The spin bit (only in 1-RTT).
    pub spin: bool,
    /// Token of an Initial.
    pub token: Vec<u8>,
    /// 0-RTT instead of 1-RTT.
    pub early: bool,
}

/// Packet numbers are always written in full.
const NUMBER_BYTES: usize = 4;
const TAG_BYTES: usize = 16;
/// Of the sample that protects a header, from the number's end in its longest form.
const LONGEST_NUMBER: usize = 4;

const VERSION: u32 = 1;

/// A protected packet.
pub(crate) fn protect(
    space: Space,
    keys: &DirectionalKeys,
    (destination, source): (&[u8], &[u8]),
    number: u64,
    payload: &[u8],
    shape: &Shape,
) -> Vec<u8> {
    let mut packet = Vec::with_capacity(64 + payload.len());
    let short = space == Space::OneRtt && !shape.early;
    let low = shape.reserved << if short { 3 } else { 2 } | (NUMBER_BYTES as u8 - 1);
    match space {
        Space::OneRtt if short => {
            packet.push(0x40 | u8::from(shape.spin) << 5 | low);
            packet.extend_from_slice(destination);
        }
        _ => {
            let kind = match space {
                Space::Initial => 0,
                Space::OneRtt => 1,
                Space::Handshake => 2,
            };
            packet.push(0xc0 | kind << 4 | low);
            packet.extend(VERSION.to_be_bytes());
            for id in [destination, source] {
                packet.push(id.len() as u8);
                packet.extend_from_slice(id);
            }
            if space == Space::Initial {
                put(&mut packet, shape.token.len() as u64);
                packet.extend_from_slice(&shape.token);
            }
            put(&mut packet, (NUMBER_BYTES + payload.len() + TAG_BYTES) as u64);
        }
    }
    let at = packet.len();
    packet.extend((number as u32).to_be_bytes());
    let header = packet.clone();
    let mut payload = payload.to_vec();
    let tag = keys.packet.encrypt_in_place(number, &header, &mut payload).expect("the payload is short");
    packet.extend(payload);
    packet.extend_from_slice(tag.as_ref());
    let (head, sample) = packet.split_at_mut(at + LONGEST_NUMBER);
    let (first, rest) = head.split_at_mut(1);
    let sample = &sample[..keys.header.sample_len()];
    keys.header.encrypt_in_place(sample, &mut first[0], &mut rest[at - 1..]).expect("the sample is as long");
    packet
}

/// What the header of a received packet shows without keys.
pub(crate) struct Header<'a> {
    pub(crate) kind: Kind<'a>,
    /// Where the packet number begins.
    number_at: usize,
    /// The packet alone, without those coalesced behind it.
    pub(crate) length: usize,
}

pub(crate) enum Kind<'a> {
    Protected { space: Space, source: Option<&'a [u8]>, destination: &'a [u8] },
    Retry { source: &'a [u8], token: &'a [u8] },
    VersionNegotiation,
}

/// Reads the first packet of a datagram; `id_length` is that of our own ids.
pub(crate) fn header(datagram: &[u8], id_length: usize) -> Option<Header<'_>> {
    let mut reader = Reader(datagram);
    let first = reader.byte()?;
    if first & 0x80 == 0 {
        let destination = reader.bytes(id_length)?;
        let kind = Kind::Protected { space: Space::OneRtt, source: None, destination };
        return Some(Header { kind, number_at: 1 + id_length, length: datagram.len() });
    }
    let version = reader.bytes(4)?;
    let length = reader.byte()?;
    let destination = reader.bytes(length.into())?;
    let length = reader.byte()?;
    let source = reader.bytes(length.into())?;
    if version == [0; 4] {
        return Some(Header { kind: Kind::VersionNegotiation, number_at: 0, length: datagram.len() });
    }
    let space = match first >> 4 & 3 {
        0 => Space::Initial,
        2 => Space::Handshake,
        3 => {
            let token = reader.0.split_at_checked(reader.0.len().checked_sub(TAG_BYTES)?)?.0;
            return Some(Header { kind: Kind::Retry { source, token }, number_at: 0, length: datagram.len() });
        }
        _ => return None, // 0-RTT is only for servers, and no rogue server takes it
    };
    if space == Space::Initial {
        reader.counted()?;
    }
    let length = usize::try_from(reader.number()?).ok()?;
    let number_at = datagram.len() - reader.0.len();
    let kind = Kind::Protected { space, source: Some(source), destination };
    (number_at + length <= datagram.len()).then_some(Header { kind, number_at, length: number_at + length })
}

/// Takes the protection off a packet; its number and payload. `expected` is the next number of its space.
pub(crate) fn unprotect(packet: &[u8], header: &Header<'_>, keys: &Keys, expected: u64) -> Option<(u64, Vec<u8>)> {
    let mut packet = packet[..header.length].to_vec();
    let at = header.number_at;
    let remote = &keys.remote;
    let sample = packet.get(at + LONGEST_NUMBER..)?.get(..remote.header.sample_len())?.to_vec();
    let (first, rest) = packet.split_at_mut(1);
    remote.header.decrypt_in_place(&sample, &mut first[0], &mut rest[at - 1..][..LONGEST_NUMBER]).ok()?;
    let length = usize::from(packet[0] & 3) + 1;
    let truncated = packet[at..at + length].iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    let window = 1u64 << (8 * length);
    // The number with these low bits nearest to the expected one (RFC 9000 appendix A.3).
    let candidate = expected & !(window - 1) | truncated;
    let number = if candidate + window / 2 <= expected {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    };
    let mut payload = packet.split_off(at + length);
    let plain = remote.packet.decrypt_in_place(number, &packet, &mut payload).ok()?;
    Some((number, plain.to_vec()))
}

/// A Retry with a valid integrity tag, as anyone can make who has seen the client's first packet (RFC 9001 section 5.8).
#[must_use]
pub fn retry(original_destination: &[u8], destination: &[u8], source: &[u8], token: &[u8]) -> Vec<u8> {
    const KEY: [u8; 16] = 0xbe0c_690b_9f66_575a_1d76_6b54_e368_c84e_u128.to_be_bytes();
    const NONCE: [u8; 12] = [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb];
    let mut packet = vec![0xf0];
    packet.extend(VERSION.to_be_bytes());
    for id in [destination, source] {
        packet.push(id.len() as u8);
        packet.extend_from_slice(id);
    }
    packet.extend_from_slice(token);
    let mut pseudo = vec![original_destination.len() as u8];
    pseudo.extend_from_slice(original_destination);
    pseudo.extend_from_slice(&packet);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &KEY).expect("16 bytes"));
    let nonce = Nonce::assume_unique_for_key(NONCE);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(pseudo), &mut []).expect("there is nothing to seal");
    packet.extend_from_slice(tag.as_ref());
    packet
}

/// A Version Negotiation packet that offers only a version nobody speaks.
#[must_use]
pub fn version_negotiation(destination: &[u8], source: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xc0, 0, 0, 0, 0];
    for id in [destination, source] {
        packet.push(id.len() as u8);
        packet.extend_from_slice(id);
    }
    packet.extend(0x0a0a_0a0a_u32.to_be_bytes());
    packet
}
