//! The name of a kept request: when it came, from which network, and a digest of what it is. All
//! that the caps need is in it, so that nothing has to be opened to decide what may stay; it is
//! bound into the seal, so a file that was renamed does not open.

use relink_core::Timestamp;
use relink_core::seal::sha256_hex;
use relink_core::time::{from_millis, to_millis};
use std::fmt;

/// What kept files end in.
const SUFFIX: &str = ".sealed";

/// The name of one kept request. Orders by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// In milliseconds since 1970.
    pub(super) received_at: u64,
    pub(super) source: u32,
    pub(super) digest: u128,
}

impl Name {
    /// For a request that came at `received_at` from the network tagged `source`.
    pub(super) fn new(received_at: Timestamp, source: u32, signature: &str, body: &[u8]) -> Self {
        let text = sha256_hex(&[signature.as_bytes(), b"\n", body].concat());
        let digest = text.get(..32).and_then(|hex| u128::from_str_radix(hex, 16).ok());
        Self {
            received_at: u64::try_from(to_millis(received_at)).unwrap_or(0),
            source,
            digest: digest.unwrap_or_default(),
        }
    }

    /// When the request came, to the millisecond.
    pub fn received_at(&self) -> Timestamp {
        from_millis(i64::try_from(self.received_at).unwrap_or(i64::MAX))
    }

    /// What an operator calls it: the same for the same body under the same signature.
    pub fn id(&self) -> String {
        format!("{:032x}", self.digest)
    }

    pub(super) fn file_name(&self) -> String {
        format!("{self}{SUFFIX}")
    }

    /// The name behind a file's; `None` for a file that is none of ours.
    pub(super) fn of_file(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(SUFFIX)?;
        let (received_at, rest) = stem.split_once('-')?;
        let (source, digest) = rest.split_once('-')?;
        let name = Self {
            received_at: received_at.parse().ok()?,
            source: u32::from_str_radix(source, 16).ok()?,
            digest: u128::from_str_radix(digest, 16).ok()?,
        };
        // Only as we write it: two files must never have one name.
        (name.to_string() == stem).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}-{:08x}-{:032x}", self.received_at, self.source, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written_and_no_other_way() {
        let at: Timestamp = "2026-11-26T12:00:00.123456Z".parse().unwrap();
        let name = Name::new(at, 0xab, "00", b"{}");
        let file = name.file_name();
        assert_eq!(Name::of_file(&file), Some(name));
        assert_eq!(name.received_at().to_string(), "2026-11-26T12:00:00.123Z");
        for other in [
            "",
            ".sealed",
            "1-2-3.sealed",
            "lock",
            &file.to_uppercase(),
            &format!("{file}.new"),
            &file.replacen('-', "-+", 1),
            &file.replace(".sealed", ""),
        ] {
            assert_eq!(Name::of_file(other), None, "{other}");
        }
    }

    #[test]
    fn one_request_has_one_id_whenever_and_from_wherever_it_comes() {
        let (early, late) = (from_millis(1), from_millis(2));
        let id = Name::new(early, 1, "00", b"{}").id();
        assert_eq!(Name::new(late, 2, "00", b"{}").id(), id);
        assert_ne!(Name::new(early, 1, "01", b"{}").id(), id);
        assert_ne!(Name::new(early, 1, "00", b"{} ").id(), id);
    }
}
