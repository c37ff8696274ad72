//! How somebody is known again who comes back from Link in a tab of its own. Cobalt sends them to
//! one fixed address with nothing of ours in it, so a cookie set just before they leave names the
//! link. It holds the link's token sealed, never in clear: it opens only here, only for an hour,
//! and whoever finds it cannot make the link of it.
//!
//! The key is derived from `cobalt.client_secret`, which every process of the web role has, and
//! without which nobody could have been sent to Link. A new secret ends what is under way.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::HeaderValue;
use relink_core::Timestamp;
use relink_core::masked::Secret;
use relink_core::seal::{KEY_LEN, NonceBytes, SealKey};
use relink_core::time::{after, from_millis, to_millis};
use std::time::Duration;

const NAME: &str = "relink_back";

/// What the sealed value is for; it opens as nothing else.
const PLACE: &[u8] = b"relink/back/v1";

/// A link token lives 30 minutes; a slow sign-in at its very end is not to be lost.
const LASTS: Duration = Duration::from_secs(60 * 60);

/// Seals and opens these cookies.
#[derive(Debug)]
pub(crate) struct Tickets {
    key: Option<SealKey>,
    /// What follows the value.
    attributes: String,
}

impl Tickets {
    /// `path` is the path of `public_url`, `secure` whether that is https.
    pub(crate) fn new(client_secret: Option<&Secret>, path: &str, secure: bool) -> Self {
        let secure = if secure { "; Secure" } else { "" };
        Self {
            key: client_secret.and_then(derive),
            attributes: format!("; Path={path}/r; HttpOnly; SameSite=Lax{secure}"),
        }
    }

    /// The cookie that leads back to `link`; none without a key.
    pub(crate) fn issue(&self, link: &str, now: Timestamp) -> Option<HeaderValue> {
        let key = self.key.as_ref()?;
        let mut nonce = NonceBytes::default();
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let plain = format!("{} {link}", to_millis(after(now, LASTS)));
        let sealed = URL_SAFE_NO_PAD.encode(key.seal(nonce, PLACE, plain.as_bytes()).ok()?);
        let cookie = format!("{NAME}={sealed}; Max-Age={}{}", LASTS.as_secs(), self.attributes);
        HeaderValue::try_from(cookie).ok()
    }

    /// The cookie that takes it back.
    pub(crate) fn revoke(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("{NAME}=; Max-Age=0{}", self.attributes)).ok()
    }

    /// The link that the header `Cookie` leads back to.
    pub(crate) fn open(&self, cookies: &str, now: Timestamp) -> Option<String> {
        let sealed = in_header(cookies)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let plain = self.key.as_ref()?.open(PLACE, &sealed).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (ends, link) = plain.split_once(' ')?;
        let ends = from_millis(ends.parse().ok()?);
        (now < ends).then(|| link.to_owned())
    }
}

/// Whether the header `Cookie` has one of these.
pub(crate) fn in_header(cookies: &str) -> Option<&str> {
    let values = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    values.filter(|(name, _)| *name == NAME).map(|(_, value)| value).next()
}

fn derive(secret: &Secret) -> Option<SealKey> {
    let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let bytes: [u8; KEY_LEN] = hmac::sign(&root, PLACE).as_ref().try_into().ok()?;
    SealKey::from_bytes("back", &bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "canary-0123456789012345678901234567890123456";

    fn tickets(secret: &str) -> Tickets {
        Tickets::new(Some(&Secret::new(secret)), "", true)
    }

    fn now() -> Timestamp {
        from_millis(1_767_225_600_000)
    }

    #[test]
    fn a_ticket_opens_here_for_an_hour_and_says_nothing() {
        let ours = tickets("secret");
        let cookie = ours.issue(LINK, now()).unwrap().to_str().unwrap().to_owned();
        assert!(!cookie.contains("canary"));
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Max-Age=3600; Path=/r; HttpOnly; SameSite=Lax; Secure");
        let header = format!("other=1; {pair}; more=2");
        let open = |tickets: &Tickets, minutes: u64| {
            tickets.open(&header, after(now(), Duration::from_secs(60 * minutes)))
        };
        assert_eq!(open(&ours, 0).as_deref(), Some(LINK));
        assert_eq!(open(&ours, 59).as_deref(), Some(LINK));
        assert_eq!(open(&ours, 60), None);
        assert_eq!(open(&tickets("another"), 0), None);
        assert_eq!(open(&Tickets::new(None, "", true), 0), None);
        for odd in ["", ";", "relink_back", "relink_back=", "relink_back=x", "relink_back=AAAA"] {
            assert_eq!(ours.open(odd, now()), None, "{odd}");
        }
    }

    #[test]
    fn without_https_it_is_not_secure_and_without_a_secret_there_is_none() {
        let local = Tickets::new(Some(&Secret::new("s")), "/below", false);
        let cookie = local.issue(LINK, now()).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.ends_with("; Path=/below/r; HttpOnly; SameSite=Lax"), "{cookie}");
        let gone = local.revoke().unwrap();
        let revoked = "relink_back=; Max-Age=0; Path=/below/r; HttpOnly; SameSite=Lax";
        assert_eq!(gone.to_str().unwrap(), revoked);
        assert!(Tickets::new(None, "", false).issue(LINK, now()).is_none());
    }
}
