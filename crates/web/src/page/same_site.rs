//! Whether a request that changes something comes from our own page. Pure.
//!
//! No cookie and no login stands behind a link: whoever can name it in a POST could open its page
//! as well. What is refused here is another site that makes somebody's browser press the button.

/// What a browser says of where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// `Sec-Fetch-Site`: set by the browser itself, no script can change it.
    pub(crate) site: Option<&'a str>,
    /// `Origin`.
    pub(crate) origin: Option<&'a str>,
}

/// That a request comes from our own page, or from nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnPage(());

/// Proves that a POST may be done. `own` is the origin of `public_url`.
///
/// `Sec-Fetch-Site` decides where there is one. Our pages say `Referrer-Policy: no-referrer`,
/// under which browsers send `Origin: null` with their plain forms (Fetch, "append a request
/// Origin header"), so that `null` says as little as none at all; some browsers for privacy send
/// neither. What names another origin is refused, whatever else it says.
pub(crate) fn own_page(asked: Origin<'_>, own: &str) -> Option<OwnPage> {
    let names_another = asked.origin.is_some_and(|origin| origin != "null" && origin != own);
    match asked.site {
        // The browser compared the two itself: `own` is not needed, and may name an address that
        // people do not use while somebody tries things out.
        Some("same-origin") => Some(OwnPage(())),
        // "none" is a person's own doing: a bookmark, a page loaded again.
        Some("none") | None => (!names_another).then_some(OwnPage(())),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_passes() {
        const OWN: &str = "https://relink.example.org";
        let table: [(Option<&str>, Option<&str>, bool); 16] = [
            // A browser of today: a script of ours, and a form of ours under no-referrer.
            (Some("same-origin"), Some(OWN), true),
            (Some("same-origin"), Some("null"), true),
            (Some("same-origin"), None, true),
            // By another name of this machine.
            (Some("same-origin"), Some("http://localhost:8081"), true),
            (Some("none"), None, true),
            (Some("none"), Some("null"), true),
            (Some("none"), Some("https://evil.example"), false),
            (Some("same-site"), Some("https://blog.example.org"), false),
            (Some("cross-site"), Some("https://evil.example"), false),
            (Some("cross-site"), Some("null"), false),
            // A header that lies about the origin does not help.
            (Some("cross-site"), Some(OWN), false),
            (Some("something new"), None, false),
            // Browsers from before Sec-Fetch-Site, and those that keep to themselves.
            (None, Some(OWN), true),
            (None, Some("null"), true),
            (None, None, true),
            (None, Some("https://relink.example.org.evil.example"), false),
        ];
        for (site, origin, passes) in table {
            let asked = Origin { site, origin };
            assert_eq!(own_page(asked, OWN).is_some(), passes, "{asked:?}");
        }
    }
}
