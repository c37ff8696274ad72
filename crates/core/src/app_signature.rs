//! Signatures of events for the customer's app, in the form of Standard Webhooks: an HMAC-SHA256
//! over id, moment and body, once for each secret, so that a secret is rotated without a pause.

use crate::id::InvalidValue;
use crate::masked::Secret;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;
use zeroize::Zeroizing;

/// What a secret is written with in front.
const PREFIX: &str = "whsec_";

/// A secret that signs. Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// Reads `whsec_` and 24 to 64 bytes in base64.
    ///
    /// # Errors
    /// [`InvalidValue`] says what is wrong, without the text.
    pub fn parse(text: &Secret) -> Result<Self, InvalidValue> {
        let wrong = |why: &str| InvalidValue::new("signing secret", why);
        let written = text.expose().strip_prefix(PREFIX);
        let written = written.ok_or_else(|| wrong("does not start with whsec_"))?;
        let bytes = BASE64.decode(written).map_err(|_| wrong("is not base64 behind whsec_"))?;
        let bytes = Zeroizing::new(bytes);
        if !(24..=64).contains(&bytes.len()) {
            return Err(wrong("does not have 24 to 64 bytes"));
        }
        Ok(Self(bytes))
    }

    fn sign(&self, signed: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        format!("v1,{}", BASE64.encode(hmac::sign(&key, signed)))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(***)")
    }
}

/// The value of `webhook-signature`: one signature for each secret, in order, separated by spaces.
/// `seconds` is the value of `webhook-timestamp`, in Unix seconds.
pub fn signatures(secrets: &[SigningSecret], id: &str, seconds: i64, body: &str) -> String {
    let signed = format!("{id}.{seconds}.{body}");
    let each: Vec<String> = secrets.iter().map(|secret| secret.sign(signed.as_bytes())).collect();
    each.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<SigningSecret, InvalidValue> {
        SigningSecret::parse(&Secret::new(text))
    }

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signatures(&[secret], id, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs_and_a_published_library_takes_either() {
        let (old, new) = (BASE64.encode([1; 24]), BASE64.encode([2; 64]));
        let secrets = [&new, &old].map(|text| secret(&format!("whsec_{text}")).unwrap());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        let value = signatures(&secrets, "id-1", now, "{}");
        assert_eq!(value.split(' ').count(), 2);
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "id-1".parse().unwrap());
        headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
        headers.insert("webhook-signature", value.parse().unwrap());
        for text in [old, new] {
            let judge = standardwebhooks::Webhook::new(&format!("whsec_{text}")).unwrap();
            judge.verify(b"{}", &headers).unwrap();
            assert!(judge.verify(b"{ }", &headers).is_err());
        }
        let other = standardwebhooks::Webhook::new(&BASE64.encode([3; 24])).unwrap();
        assert!(other.verify(b"{}", &headers).is_err());
    }

    #[test]
    fn a_secret_is_of_the_form_and_is_not_shown() {
        let bytes = |n: usize| format!("whsec_{}", BASE64.encode(vec![7; n]));
        for good in [24, 32, 64] {
            assert_eq!(format!("{:?}", secret(&bytes(good)).unwrap()), "SigningSecret(***)");
        }
        for bad in [
            bytes(23),
            bytes(65),
            "whsec_".to_owned(),
            "whsec_!".to_owned(),
            bytes(32)[6..].to_owned(),
        ] {
            let error = secret(&bad).unwrap_err().to_string();
            assert!(bad.len() < 8 || !error.contains(&bad), "{error}");
        }
    }
}
