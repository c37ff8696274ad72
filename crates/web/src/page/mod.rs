//! The pages behind the link in a message. A GET shows and changes nothing, so that mail scanners
//! may look as often as they like; a press mints a token and opens Link; what is said to be done
//! is proven. Whoever comes is a person: trouble of ours is a page too.
//!
//! A token that is guessed, cut short, foreign or forgotten gets one and the same answer after the
//! same look-up. No page has a word of an EHR, a clinic or a name, loads anything from elsewhere
//! before the button is pressed, or lets itself be framed, cached or told to other sites.

mod limits;
mod same_site;
mod state;
mod ticket;
mod visitor;
mod words;

mod headers;
mod look;
mod template;

mod answer;

mod asked;

mod callback;
mod done;
mod launch;
mod link;
mod renew;
mod seen;

pub(crate) use callback::back;
pub(crate) use done::done;
pub(crate) use launch::launch;
pub(crate) use link::{again, show};
pub(crate) use look::asset;
pub(crate) use renew::renew;
pub(crate) use seen::seen;

use headers::origin_of;
use hyper::HeaderMap;
use limits::Buckets;
use look::Look;
use relink_config::Config;
use relink_core::id::CaseId;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use template::Templates;
use ticket::Tickets;

/// Links that do not exist, from one address at once, and how soon there is one more. People
/// mistype a link a few times; whoever guesses needs 2^255.
const GUESSES: (u32, Duration) = (30, Duration::from_secs(2));

/// Questions to Cobalt, by "done" and by asking for a new link, about one case at once, and how
/// soon there is one more.
const QUESTIONS: (u32, Duration) = (20, Duration::from_secs(10));

/// Addresses, and cases, that are remembered at most: a few megabytes.
const REMEMBERED: usize = 50_000;

/// Everything that pages are made of, built once.
pub(crate) struct Pages {
    templates: Templates,
    look: Look,
    headers: HeaderMap,
    tickets: Tickets,
    /// The origin of `public_url`.
    own_origin: String,
    behind_proxy: bool,
    guesses: Buckets<IpAddr>,
    questions: Buckets<CaseId>,
}

impl Pages {
    pub(crate) fn new(config: &Config) -> Self {
        let public_url = &config.instance.public_url;
        let own_origin = origin_of(public_url);
        let path = public_url.get(own_origin.len()..).unwrap_or_default();
        let https = own_origin.starts_with("https://");
        let look = Look::new(&config.web);
        let script_url = &config.cobalt.link_script_url;
        Self {
            headers: headers::headers(&look, &origin_of(script_url), https),
            templates: Templates::new(
                &config.instance.name,
                format!("{path}/r"),
                script_url,
                &look,
            ),
            look,
            tickets: Tickets::new(config.cobalt.client_secret.as_ref(), path, https),
            own_origin,
            behind_proxy: config.web.behind_proxy,
            guesses: Buckets::new(GUESSES.0, GUESSES.1, REMEMBERED),
            questions: Buckets::new(QUESTIONS.0, QUESTIONS.1, REMEMBERED),
        }
    }
    /// Whether Cobalt may be asked about this case once more, which counts as having asked. One limit for
    /// every way somebody can make Relink ask.
    pub(crate) fn may_ask(&self, case: CaseId) -> bool {
        self.questions.take(case, Instant::now()).is_ok()
    }
}
