//! Tokens and cursors that only we can read: ChaCha20-Poly1305 (RFC 8439), bound to tenant and purpose.
//!
//! Inside are positions of shared partitions, which must tell a tenant nothing of the others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};

use crate::key::Peppers;
use crate::tenant::TenantId;

const NONCE_BYTES: usize = 12;

/// Longest text that is opened, in bytes.
pub const MAX_SEALED_BYTES: usize = 64 * 1024;

/// Seals with the first pepper, opens with any.
#[derive(Clone)]
pub struct Sealer {
    ciphers: Vec<ChaCha20Poly1305>,
}

/// The text was not sealed here, for this tenant and purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not made by this system for this tenant, or altered")]
pub struct NotOurs;

impl Sealer {
    /// A sealer whose keys come from the peppers.
    pub fn new(peppers: &Peppers) -> Self {
        let cipher = |key: [u8; 32]| ChaCha20Poly1305::new(&key.into());
        Self {
            ciphers: peppers
                .iter()
                .map(|pepper| cipher(pepper.derive("seal")))
                .collect(),
        }
    }

    /// Seals bytes into URL-safe text. `nonce` must be random, and new for each call.
    pub fn seal(&self, tenant: &TenantId, purpose: &str, content: &[u8], nonce: [u8; NONCE_BYTES]) -> String {
        let bound_to = bound_to(tenant, purpose);
        let payload = Payload {
            msg: content,
            aad: &bound_to,
        };
        let sealed = self.ciphers[0]
            .encrypt(&Nonce::from(nonce), payload)
            .expect("content is far below the limit of the cipher");
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// Opens a text that was sealed for this tenant and purpose.
    pub fn open(&self, tenant: &TenantId, purpose: &str, text: &str) -> Result<Vec<u8>, NotOurs> {
        if text.len() > MAX_SEALED_BYTES {
            return Err(NotOurs);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotOurs)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(NotOurs)?;
        let bound_to = bound_to(tenant, purpose);
        let open = |cipher: &ChaCha20Poly1305| {
            cipher
                .decrypt(
                    &Nonce::from(*nonce),
                    Payload {
                        msg: sealed,
                        aad: &bound_to,
                    },
                )
                .ok()
        };
        self.ciphers.iter().find_map(open).ok_or(NotOurs)
    }
}

fn bound_to(tenant: &TenantId, purpose: &str) -> Vec<u8> {
    [tenant.as_str().as_bytes(), &[0], purpose.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Pepper;

    fn sealer(ids: &[&str]) -> Sealer {
        let mut peppers: Vec<_> = ids
            .iter()
            .map(|id| Pepper::new(id, id.repeat(40).as_bytes()).unwrap())
            .collect();
        let first = peppers.remove(0);
        Sealer::new(&Peppers::new(first, peppers))
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    #[test]
    fn only_the_same_tenant_and_purpose_open_it_unaltered() {
        let sealer = sealer(&["a"]);
        let text = sealer.seal(&tenant("x"), "cursor", b"content", [3; 12]);
        assert_eq!(
            sealer.open(&tenant("x"), "cursor", &text).as_deref(),
            Ok(b"content".as_slice())
        );
        assert_eq!(sealer.open(&tenant("y"), "cursor", &text), Err(NotOurs));
        assert_eq!(sealer.open(&tenant("x"), "token", &text), Err(NotOurs));
        for at in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(
                sealer.open(&tenant("x"), "cursor", &altered),
                Err(NotOurs),
                "{at}"
            );
        }
        for other in ["", "x", "AAAA", &"A".repeat(MAX_SEALED_BYTES + 1)] {
            assert_eq!(sealer.open(&tenant("x"), "cursor", other), Err(NotOurs));
        }
    }

    #[test]
    fn an_older_pepper_still_opens() {
        let text = sealer(&["old"]).seal(&tenant("x"), "cursor", b"content", [3; 12]);
        assert!(
            sealer(&["new", "old"])
                .open(&tenant("x"), "cursor", &text)
                .is_ok()
        );
        assert!(sealer(&["new"]).open(&tenant("x"), "cursor", &text).is_err());
    }
}
