//! Values that must not be read over somebody's shoulder: secrets, and people's addresses.
//! Their `Debug` and `Display` are masked, so that no log line, error or panic can show them;
//! whoever needs the real text says so with `expose`.

use crate::id::InvalidValue;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// A credential. Prints `***`, is wiped from memory when dropped, cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The real text, for the one place that has to send or compute with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Proves that `candidate` is this secret, in a time that tells nothing about either: their
    /// SHA-256 digests are compared, so that not even the length shows.
    pub fn prove<'a>(&self, candidate: &'a str) -> Option<Proven<'a>> {
        let digest = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        verify_slices_are_equal(digest(self.expose()).as_ref(), digest(candidate).as_ref())
            .ok()
            .map(|()| Proven(candidate))
    }
}

/// A text that was proven to be a certain secret. Only [`Secret::prove`] makes one.
pub struct Proven<'a>(&'a str);

impl fmt::Debug for Proven<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proven({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// An email address of a person: `local@domain`, ASCII domain with a dot, at most 254 bytes.
///
/// Narrower than RFC 5321 on purpose: no address literals, no quoted local parts, nothing that
/// a header, a command line or a relay could take for more than an address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// # Errors
    /// [`InvalidValue`] names the broken rule and never repeats the address.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = |why: &str| Err(InvalidValue::new("email address", why));
        let text = text.trim();
        if text.len() > 254 {
            return wrong("is longer than 254 bytes");
        }
        let Some((local, domain)) = text.rsplit_once('@') else {
            return wrong("has no @");
        };
        let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        if local.is_empty() || local.len() > 64 || !local.chars().all(atext) {
            return wrong(
                "has a part before the @ that is empty, too long or uses unusual characters",
            );
        }
        if local.starts_with(['.', '-']) || local.ends_with('.') || local.contains("..") {
            return wrong(
                "has a part before the @ that starts with a dot or dash, ends with a dot or has two dots in a row",
            );
        }
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        if !domain.contains('.') || !domain.split('.').all(label) {
            return wrong("has a domain that is not a full host name such as example.org");
        }
        if domain.rsplit('.').next().is_some_and(|tld| tld.chars().all(|c| c.is_ascii_digit())) {
            return wrong("has a number where the domain should be");
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }

    /// The real address.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown: `j***@example.org`.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or(("", ""));
        let first: String = local.chars().take(1).collect();
        format!("{first}***@{domain}")
    }

    /// What whoever holds a link may see of whom it is for: `j•••@e•••.org`. Enough to know one's
    /// own address by, too little to write to.
    pub fn hint(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or(("", ""));
        let (host, top) = domain.rsplit_once('.').unwrap_or((domain, ""));
        let first = |text: &str| text.chars().take(1).collect::<String>();
        format!("{}•••@{}•••.{top}", first(local), first(host))
    }
}

/// A phone number in E.164: `+`, a country code that does not begin with 0, 7 to 15 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Accepts E.164 only; national forms are turned into it on import, where a country is known.
    ///
    /// # Errors
    /// [`InvalidValue`] names the broken rule and never repeats the number.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let wrong = |why: &str| Err(InvalidValue::new("phone number", why));
        let text = text.trim();
        let Some(digits) = text.strip_prefix('+') else {
            return wrong(
                "does not start with + and the country code (E.164, such as +15005550006)",
            );
        };
        if !digits.chars().all(|c| c.is_ascii_digit()) {
            return wrong(
                "has something other than digits after the + (E.164, such as +15005550006)",
            );
        }
        if !(7..=15).contains(&digits.len()) || digits.starts_with('0') {
            return wrong("is not 7 to 15 digits beginning with a country code");
        }
        Ok(Self(text.to_owned()))
    }

    /// The real number.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown: `+1***0006`.
    pub fn masked(&self) -> String {
        let start: String = self.0.chars().take(2).collect();
        let tail: String = self.0.chars().skip(self.0.len().saturating_sub(4)).collect();
        format!("{start}***{tail}")
    }

    /// What whoever holds a link may see of whom it is for: `•••06`.
    pub fn hint(&self) -> String {
        let tail: String = self.0.chars().skip(self.0.len().saturating_sub(2)).collect();
        format!("•••{tail}")
    }
}

macro_rules! masked_text {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.masked())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.masked())
            }
        }
        impl std::str::FromStr for $name {
            type Err = InvalidValue;
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::parse(text)
            }
        }
        /// Serialises the mask: whoever stores or sends the real value uses `expose`.
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.masked())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
masked_text!(EmailAddress);
masked_text!(PhoneNumber);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_what_it_hides() {
        let secret = Secret::new("cs_live_canary");
        let email = EmailAddress::parse("jane.doe@Example.ORG").unwrap();
        let phone = PhoneNumber::parse("+15005550006").unwrap();
        let shown = format!("{secret} {secret:?} {email} {email:?} {phone} {phone:?}");
        assert_eq!(shown, "*** *** j***@example.org j***@example.org +1***0006 +1***0006");
    }

    #[test]
    fn a_hint_is_known_only_to_whoever_knows_the_address() {
        let email = |text: &str| EmailAddress::parse(text).unwrap().hint();
        assert_eq!(email("jane.doe@clinic.example.org"), "j•••@c•••.org");
        assert_eq!(email("x@y.de"), "x•••@y•••.de");
        assert_eq!(PhoneNumber::parse("+15005550006").unwrap().hint(), "•••06");
    }

    #[test]
    fn addresses_that_mean_more_than_an_address_are_refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "no-at",
            "@example.org",
            "a@",
            "a@localhost",
            "a@[127.0.0.1]",
            "-oQ/tmp@b.com",
            "a@b..c",
            "a b@c.de",
            "a\r\nBcc: x@y.z@c.de",
            "\"a\"@b.com",
            "a@1.2.3.4",
            ".a@b.com",
            &long,
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "5005550006", "+0123456789", "+1 500 555", "+123456", "+1234567890123456"] {
            assert!(PhoneNumber::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_never_repeats_the_address() {
        let error = EmailAddress::parse("secret.person@[10.0.0.1]").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
