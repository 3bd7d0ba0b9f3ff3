//! Variable-length integers (RFC 9000 section 16) and a reader of bytes.

pub(crate) fn put(target: &mut Vec<u8>, value: u64) {
    match value {
        0..0x40 => target.push(value as u8),
        0x40..0x4000 => target.extend((value as u16 | 0x4000).to_be_bytes()),
        0x4000..0x4000_0000 => target.extend((value as u32 | 0x8000_0000).to_be_bytes()),
        _ => target.extend((value | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

/// Reads from the front; `None` when the bytes run out.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|byte| byte[0])
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let first = *self.0.first()?;
        let bytes = self.bytes(1 << (first >> 6))?;
        let value = bytes.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        Some(value & ((1 << (8 * bytes.len() - 2)) - 1))
    }

    /// A count and as many bytes.
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?;
        self.bytes(usize::try_from(count).ok()?)
    }
}
