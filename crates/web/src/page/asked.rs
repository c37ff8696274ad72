//! What is asked for, as far as every handler of a page needs it; and the one look-up behind it.

use super::Pages;
use super::limits::client;
use super::same_site::{Origin, OwnPage, own_page};
use super::state::{At, State};
use super::visitor::{Said, visitor};
use super::words::{Language, choose};
use crate::back::Came;
use crate::router::Shared;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query};
use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use relink_core::link::LinkToken;
use relink_core::seal::sha256_hex;
use relink_core::visit::Way;
use relink_http::body;
use relink_http::server::Peer;
use relink_store::{Door, WayBack};
use serde::Deserialize;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The largest body of a press or a report, in bytes.
const MAX_BODY: usize = 1024;

/// For the whole body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// The most of a link that is looked at, in bytes. A token is shorter, so what is cut is none.
const MAX_TOKEN: usize = 64;

/// A request for a page.
pub(crate) struct Asked {
    /// What stands where the token belongs.
    pub(super) token: String,
    pub(super) at: Option<At>,
    lang: Option<String>,
    headers: HeaderMap,
    /// Who asks; unknown only where a router is called without a connection.
    client: Option<IpAddr>,
}

/// What a page's address may say. Everything else in it is ignored, the callback's token too.
#[derive(Debug, Default, Deserialize)]
struct InQuery {
    lang: Option<String>,
    at: Option<String>,
}

impl FromRequestParts<Shared> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Infallible> {
        let token = Path::<String>::from_request_parts(parts, shared).await;
        let query = Query::<InQuery>::from_request_parts(parts, shared).await;
        let Query(InQuery { lang, at }) = query.unwrap_or_default();
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded.filter(|_| shared.pages.behind_proxy);
        let forwarded = forwarded.and_then(|value| value.to_str().ok());
        let peer = parts.extensions.get::<Peer>();
        Ok(Self {
            token: token.map_or_else(|_| String::new(), |Path(text)| text),
            at: at.as_deref().and_then(At::parse),
            lang,
            client: peer.map(|Peer(address)| client(address.ip(), forwarded)),
            headers: parts.headers.clone(),
        })
    }
}

/// A link that exists, and what it leads to.
pub(super) struct Entered {
    pub(super) way_back: WayBack,
    /// Whom the page is for, masked.
    pub(super) whom: Option<String>,
    /// The language on file for them.
    pub(super) locale: Option<String>,
}

impl Entered {
    fn new(way_back: WayBack) -> Self {
        let channel = way_back.notification.as_ref().map(|message| message.channel);
        let contact = way_back.contact.as_ref();
        let address = channel.zip(contact).and_then(|(channel, who)| who.address_on(channel));
        Self {
            whom: address.and_then(|address| address.hint()),
            locale: contact.and_then(|contact| contact.locale.clone()),
            way_back,
        }
    }

    /// Who came by it.
    pub(super) fn came(&self, asked: &Asked, said: Option<&Said>) -> Came {
        Came {
            way: Way::Link,
            visitor: visitor(said, asked.header(&HeaderName::from_static("sec-fetch-user"))),
            notification_id: self.way_back.notification.as_ref().map(|message| message.id),
        }
    }
}

impl Asked {
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn cookies(&self) -> &str {
        self.header(&COOKIE).unwrap_or_default()
    }

    /// Whether a script asks, which wants words and no page.
    pub(super) fn wants_json(&self) -> bool {
        self.header(&ACCEPT).is_some_and(|accept| accept.contains("application/json"))
    }

    pub(super) fn language(&self, on_file: Option<&str>) -> &'static Language {
        choose(self.lang.as_deref(), on_file, self.header(&ACCEPT_LANGUAGE))
    }

    /// What a press or a report says, if it comes from our own page and can be read.
    pub(super) async fn said(
        &self,
        pages: &Pages,
        body: Body,
    ) -> Result<(OwnPage, Option<Said>), State> {
        let origin = Origin {
            site: self.header(&HeaderName::from_static("sec-fetch-site")),
            origin: self.header(&ORIGIN),
        };
        let own = own_page(origin, &pages.own_origin).ok_or(State::Refused)?;
        let body = body::read(body, MAX_BODY, BODY_DEADLINE).await.map_err(|_| State::Refused)?;
        let is_json = self.header(&CONTENT_TYPE).is_some_and(|t| t.starts_with("application/json"));
        let said = Said::read(&body, is_json).map_err(|_| State::Refused)?;
        Ok((own, said))
    }

    /// Looks up the link, whether it can be one or not: an answer that came sooner would say so.
    pub(super) async fn enter(&self, shared: &Shared) -> Result<Entered, State> {
        self.enter_by(shared, &self.token).await
    }

    /// The same for a link that is known from elsewhere.
    pub(super) async fn enter_by(&self, shared: &Shared, text: &str) -> Result<Entered, State> {
        let guesses = &shared.pages.guesses;
        if let Some(client) = self.client {
            guesses.check(client, Instant::now()).map_err(|_| State::TooOften)?;
        }
        let token = LinkToken::parse(text);
        let hash = token.map_or_else(|| no_hash(text), |token| token.hash());
        match shared.store.way_back(&Door::Link(hash)).await {
            Ok(Some(way_back)) => Ok(Entered::new(way_back)),
            Ok(None) => {
                if let Some(client) = self.client {
                    // The answer to this one is the same whether it is the last or not.
                    let _ = guesses.take(client, Instant::now());
                }
                Err(State::Unknown)
            }
            Err(error) => {
                tracing::error!(%error, "a link could not be looked up");
                Err(State::Trouble)
            }
        }
    }
}

/// The hash of something that is no token, and of which there is none.
fn no_hash(text: &str) -> String {
    let bytes = text.as_bytes();
    sha256_hex(bytes.get(..MAX_TOKEN).unwrap_or(bytes))
}
