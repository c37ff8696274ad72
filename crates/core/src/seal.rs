//! Sealing of bytes at rest: AES-256-GCM (NIST SP 800-38D), the nonce drawn by the caller and
//! kept in front of the sealed text, the place it belongs to bound in as associated data, so
//! that a sealed value moved to another row or file no longer opens.

use crate::masked::Secret;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;
use std::sync::Arc;

/// A fresh random nonce: 96 bits. With random nonces one key should seal at most 2^32 values
/// (NIST SP 800-38D, 8.3).
pub type NonceBytes = [u8; NONCE_LEN];

/// The number of bytes in a key.
pub const KEY_LEN: usize = 32;

/// A named key. Prints its name only.
#[derive(Clone)]
pub struct SealKey {
    id: Arc<str>,
    key: Arc<LessSafeKey>,
    derive: Arc<zeroize::Zeroizing<[u8; KEY_LEN]>>,
}

/// Why a key or a sealed value cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key material is not 32 bytes in base64 or hex.
    #[error("a key is 32 random bytes in base64 or hex, as `openssl rand -base64 32` prints")]
    BadKey,
    /// Altered, moved from where it belongs, or sealed with another key.
    #[error("the sealed value does not open: damaged, moved, or sealed with another key")]
    DoesNotOpen,
}

impl SealKey {
    /// A key from its 32 bytes.
    ///
    /// # Errors
    /// [`SealError::BadKey`] when the library refuses it.
    pub fn from_bytes(id: &str, bytes: &[u8; KEY_LEN]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| SealError::BadKey)?;
        Ok(Self {
            id: id.into(),
            key: Arc::new(LessSafeKey::new(key)),
            derive: Arc::new(zeroize::Zeroizing::new(*bytes)),
        })
    }

    /// A key from 32 bytes written in base64 or hex, surrounded by white space at most.
    ///
    /// # Errors
    /// [`SealError::BadKey`].
    pub fn from_text(id: &str, text: &Secret) -> Result<Self, SealError> {
        let text = text.expose().trim();
        let bytes = zeroize::Zeroizing::new(
            hex::decode(text).or_else(|_| BASE64.decode(text)).map_err(|_| SealError::BadKey)?,
        );
        let bytes: &[u8; KEY_LEN] = bytes.as_slice().try_into().map_err(|_| SealError::BadKey)?;
        Self::from_bytes(id, bytes)
    }

    /// Its name, stored beside what it sealed.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The raw key, for deriving other keys from it inside this crate.
    pub(crate) fn material(&self) -> &[u8; KEY_LEN] {
        &self.derive
    }

    /// Seals `plain` for the place named by `aad`: nonce, then ciphertext and tag.
    ///
    /// # Errors
    /// [`SealError::BadKey`] when the library refuses, which no input of ours can cause.
    pub fn seal(&self, nonce: NonceBytes, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        let mut text = plain.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut text,
            )
            .map_err(|_| SealError::BadKey)?;
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SealError::DoesNotOpen`].
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::DoesNotOpen)?;
        let mut text = text.to_vec();
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(aad), &mut text)
            .map_err(|_| SealError::DoesNotOpen)?;
        let len = plain.len();
        text.truncate(len);
        Ok(text)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

/// The keys of one purpose: the first seals, all open.
#[derive(Debug, Clone)]
pub struct KeyRing {
    first: SealKey,
    others: Vec<SealKey>,
}

impl KeyRing {
    /// `first` seals; `others` still open what they sealed.
    pub fn new(first: SealKey, others: Vec<SealKey>) -> Self {
        Self { first, others }
    }

    /// The key that seals.
    pub fn sealing(&self) -> &SealKey {
        &self.first
    }

    /// The names of all keys, the one that seals first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.first).chain(&self.others).map(SealKey::id)
    }

    /// The key with this id.
    pub fn get(&self, id: &str) -> Option<&SealKey> {
        std::iter::once(&self.first).chain(&self.others).find(|key| key.id() == id)
    }
}

/// SHA-256 as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> SealKey {
        SealKey::from_bytes(id, &[byte; KEY_LEN]).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_where_it_belongs_and_only_whole() {
        let sealed = key("a", 1).seal([7; 12], b"accounts/clinic_1", b"canary token").unwrap();
        assert_eq!(key("a", 1).open(b"accounts/clinic_1", &sealed).unwrap(), b"canary token");
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_eq!(key("a", 1).open(b"accounts/clinic_2", &sealed), Err(SealError::DoesNotOpen));
        assert_eq!(key("b", 2).open(b"accounts/clinic_1", &sealed), Err(SealError::DoesNotOpen));
        for cut in 0..sealed.len() {
            assert!(key("a", 1).open(b"accounts/clinic_1", &sealed[..cut]).is_err());
        }
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(key("a", 1).open(b"accounts/clinic_1", &flipped).is_err());
        }
    }

    #[test]
    fn keys_are_read_from_base64_and_hex_and_nothing_else() {
        let text = |text: &str| SealKey::from_text("k", &Secret::new(text)).map(|_| ());
        assert_eq!(text(&"ab".repeat(32)), Ok(()));
        assert_eq!(text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), Ok(()));
        for bad in ["", "short", &"ab".repeat(31), "password"] {
            assert_eq!(text(bad), Err(SealError::BadKey));
        }
        assert_eq!(format!("{:?}", key("2026-11", 1)), "SealKey(2026-11)");
    }
}
