//! The headers of every page: nothing may be loaded but what is named, nothing framed, cached,
//! sniffed or told to another site.

use super::look::Look;
use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// `https://host:port` of a checked URL.
pub(super) fn origin_of(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url).to_owned()
}

/// `link` is the origin of Link: of its script, and of the frame that this opens.
pub(super) fn headers(look: &Look, link: &str, https: bool) -> HeaderMap {
    let policy = format!(
        "default-src 'none'; script-src '{script}' {link}; style-src '{style}'; \
         img-src 'self'; connect-src 'self'; frame-src {link}; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        script = look.script_hash,
        style = look.style_hash,
    );
    // A sign-in in Link's frame may use a passkey, read a one-time code from a text message or
    // have one pasted. Everything else that a frame could ask a person for is off.
    let features = format!(
        "publickey-credentials-get=(self \"{link}\"), otp-credentials=(self \"{link}\"), \
         clipboard-read=(self \"{link}\"), clipboard-write=(self \"{link}\"), camera=(), \
         microphone=(), geolocation=(), payment=(), usb=(), serial=(), \
         display-capture=(), midi=()"
    );
    let mut headers = HeaderMap::new();
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    let made = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (HeaderName::from_static("permissions-policy"), features),
    ];
    for (name, value) in made {
        // Of checked URLs and hashes: always a header.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_comes_before_the_path() {
        for (url, origin) in [
            ("https://link.usecobalt.com/init.js", "https://link.usecobalt.com"),
            ("https://relink.example.org", "https://relink.example.org"),
            ("http://127.0.0.1:8081/below/it", "http://127.0.0.1:8081"),
            ("http://[::1]:80/", "http://[::1]:80"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }
}
