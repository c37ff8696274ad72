//! The link in a message: 256 bits that nobody can guess, the same on every retry of one
//! notification (a resent message must not differ from the first), known to the store only by
//! its hash.

use crate::id::NotificationId;
use crate::seal::{KEY_LEN, SealKey, sha256_hex};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

/// The secret part of a link. Prints masked.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken(String);

impl LinkToken {
    /// Derives the token of a notification with HMAC-SHA256 (RFC 2104) under a key of its own,
    /// itself derived from `key`: as unguessable as the key, and never stored.
    pub fn derive(key: &SealKey, notification: NotificationId) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, key.material());
        let link_key = hmac::sign(&root, b"relink/link-token/v1");
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, link_key.as_ref()),
            notification.to_string().as_bytes(),
        );
        Self(URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads a token from a URL: 43 characters of unpadded base64url, nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == KEY_LEN).then(|| Self(text.to_owned()))
    }

    /// What the store knows it by.
    pub fn hash(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// The whole link.
    pub fn url(&self, public_url: &str) -> String {
        format!("{}/r/{}", public_url.trim_end_matches('/'), self.0)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_stable_long_and_reads_back() {
        let key = SealKey::from_bytes("k", &[3; KEY_LEN]).unwrap();
        let id: NotificationId = "2639c97f-0d8e-56e7-a3f0-48f01b3f9f71".parse().unwrap();
        let token = LinkToken::derive(&key, id);
        assert_eq!(token, LinkToken::derive(&key, id));
        let url = token.url("https://relink.example.org/");
        let text = url.strip_prefix("https://relink.example.org/r/").unwrap();
        assert_eq!(text.len(), 43);
        assert_eq!(LinkToken::parse(text).map(|token| token.hash()), Some(token.hash()));
        for bad in ["", "short", &text[1..], &format!("{text}A"), "../../etc/passwd"] {
            assert_eq!(LinkToken::parse(bad), None);
        }
        assert!(!format!("{token:?}").contains(text));
    }
}
