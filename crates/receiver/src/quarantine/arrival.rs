//! When a request that is sent in again first came. The command that does so stands outside the
//! receiver, so it brings a pass: the moment, sealed with the spool's key and bound to the body.
//! Whoever cannot open the quarantine can neither make one nor use it for another request.

use relink_core::Timestamp;
use relink_core::seal::{NonceBytes, SealKey, sha256_hex};
use relink_core::time::{from_millis, to_millis};
use std::io;

/// The header that carries a pass.
pub const ARRIVAL_HEADER: &str = "relink-arrival";

/// The pass of a request that came at `received_at`.
///
/// # Errors
/// The system has no random numbers.
pub fn arrival_pass(key: &SealKey, received_at: Timestamp, body: &[u8]) -> io::Result<String> {
    let mut nonce = NonceBytes::default();
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| io::Error::other("no random numbers"))?;
    let millis = to_millis(received_at).to_le_bytes();
    let sealed = key.seal(nonce, &place(body), &millis).map_err(io::Error::other)?;
    Ok(hex::encode(sealed))
}

/// The moment in a pass; `None` when it is no pass of ours for this body.
pub(crate) fn arrival_of(key: &SealKey, pass: &str, body: &[u8]) -> Option<Timestamp> {
    let sealed = hex::decode(pass).ok()?;
    let millis = key.open(&place(body), &sealed).ok()?;
    Some(from_millis(i64::from_le_bytes(millis.try_into().ok()?)))
}

fn place(body: &[u8]) -> Vec<u8> {
    format!("arrival/{}", sha256_hex(body)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_core::seal::KEY_LEN;

    #[test]
    fn a_pass_is_good_for_one_body_under_one_key() {
        let key = |byte| SealKey::from_bytes("spool", &[byte; KEY_LEN]).unwrap();
        let at = from_millis(1_764_158_400_123);
        let pass = arrival_pass(&key(7), at, b"{}").unwrap();
        assert_eq!(arrival_of(&key(7), &pass, b"{}"), Some(at));
        assert_eq!(arrival_of(&key(7), &pass, b"{ }"), None);
        assert_eq!(arrival_of(&key(8), &pass, b"{}"), None);
        for other in ["", "AAAA", "1764158400123", &pass[1..]] {
            assert_eq!(arrival_of(&key(7), other, b"{}"), None, "{other}");
        }
    }
}
