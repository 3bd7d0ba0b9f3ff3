//! TLS secrets as lines of the NSS key log format, which Wireshark and tshark read (draft-ietf-tls-keylogfile).

use std::{fmt::Write, sync::Arc};

use super::Observer;

/// Where rustls leaves the secrets of one configuration's connections.
#[derive(Debug)]
pub(crate) struct KeyLines {
    observer: Arc<Observer>,
    tag: u32,
}

impl KeyLines {
    pub(crate) fn new(observer: Arc<Observer>, tag: u32) -> Self {
        Self { observer, tag }
    }
}

impl rustls::KeyLog for KeyLines {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::with_capacity(label.len() + 2 * (client_random.len() + secret.len() + 1));
        line.push_str(label);
        for field in [client_random, secret] {
            line.push(' ');
            for byte in field {
                let _ = write!(line, "{byte:02x}"); // writing to a String cannot fail
            }
        }
        self.observer.tell_key(self.tag, line);
    }
}
