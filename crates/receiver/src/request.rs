//! The limits a request meets before anybody asks who sent it: route, method, content type,
//! length and time. Cheap checks come first, and what they refuse is read to a short end, so
//! that the sender sees the answer instead of a reset connection.

use crate::answer::Refusal;
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use relink_http::body::{self, BodyError};
use relink_http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use relink_http::server::Peer;
use relink_http::{HeaderMap, Method, Request};
use std::net::IpAddr;
use std::time::Duration;

/// For a whole body to arrive. Cobalt waits 2 s for the answer to its second try.
const BODY_DEADLINE: Duration = Duration::from_secs(1);

/// What a refused sender may still push before the answer, in bytes and in time.
const FAREWELL_BYTES: usize = 256 * 1024;
const FAREWELL_TIME: Duration = Duration::from_millis(200);

/// The doors of the receiver; each names the metric label of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    CobaltWebhook,
    Report,
    /// Anything else: answered 404 under one label, whatever the path was.
    Unknown,
}

impl Route {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/webhooks/cobalt" => Self::CobaltWebhook,
            "/v1/reports" => Self::Report,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::CobaltWebhook => "/webhooks/cobalt",
            Self::Report => "/v1/reports",
            Self::Unknown => "unknown",
        }
    }
}

/// A whole request within the limits. Nothing in it is proven.
pub(crate) struct RawRequest {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The other end of the connection; a proxy when there is one.
    pub(crate) peer: Option<IpAddr>,
}

impl RawRequest {
    /// Reads a request of at most `max_body` bytes that is meant for `route`.
    pub(crate) async fn read(
        route: Route,
        request: Request<Incoming>,
        max_body: usize,
    ) -> Result<Self, Refusal> {
        let (head, mut incoming) = request.into_parts();
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let read = match check_head(route, &head.method, &head.headers) {
            Ok(()) => {
                body::read(&mut incoming, max_body, BODY_DEADLINE).await.map_err(Refusal::Body)
            }
            Err(refusal) => Err(refusal),
        };
        match read {
            Ok(body) => Ok(Self { headers: head.headers, body, peer }),
            Err(refusal) => {
                say_farewell(incoming, &head.headers, &refusal).await;
                Err(refusal)
            }
        }
    }
}

fn check_head(route: Route, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    if route == Route::Unknown {
        return Err(Refusal::UnknownRoute);
    }
    if method != Method::POST {
        return Err(Refusal::WrongMethod);
    }
    if !headers.get_all(CONTENT_TYPE).iter().all(|value| is_json(value.as_bytes())) {
        return Err(Refusal::WrongType);
    }
    let identity = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(|value| identity(value.as_bytes())) {
        return Err(Refusal::Encoded);
    }
    Ok(())
}

/// `application/json`, with or without parameters. A charset other than UTF-8 shows when the
/// body is parsed.
fn is_json(value: &[u8]) -> bool {
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Takes in a little more of what was refused: closing a connection with unread bytes resets
/// it, and a reset can overtake the answer.
async fn say_farewell(incoming: Incoming, headers: &HeaderMap, refusal: &Refusal) {
    let hopeless = matches!(refusal, Refusal::Body(BodyError::TooSlow | BodyError::Broken));
    // Reading on would invite a body that its sender holds back for our verdict.
    if hopeless || headers.contains_key(EXPECT) || incoming.is_end_stream() {
        return;
    }
    let _ = discard(incoming).await;
}

async fn discard(mut incoming: Incoming) -> Result<(), tokio::time::error::Elapsed> {
    use http_body_util::BodyExt as _;
    tokio::time::timeout(FAREWELL_TIME, async {
        let mut taken = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken > FAREWELL_BYTES {
                break;
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_http::header::{HeaderName, HeaderValue};

    fn verdict(name: HeaderName, value: &'static [u8]) -> Result<(), Refusal> {
        let value = HeaderValue::from_bytes(value).unwrap();
        check_head(Route::Report, &Method::POST, &HeaderMap::from_iter([(name, value)]))
    }

    #[test]
    fn json_is_taken_however_it_is_spelled_and_nothing_else() {
        for good in [
            &b"application/json"[..],
            b"application/json; charset=utf-8",
            b"application/json;charset=UTF-8",
            b"Application/JSON ; x=y",
        ] {
            assert!(verdict(CONTENT_TYPE, good).is_ok(), "{good:?}");
        }
        for bad in [
            &b""[..],
            b"text/plain",
            b"application/jsonp",
            b"application/x-www-form-urlencoded",
            b"text/html; application/json",
            b"\xff",
        ] {
            assert!(matches!(verdict(CONTENT_TYPE, bad), Err(Refusal::WrongType)), "{bad:?}");
        }
    }

    #[test]
    fn a_body_comes_unencoded() {
        assert!(verdict(CONTENT_ENCODING, b"identity").is_ok());
        for bad in [&b"gzip"[..], b"br", b"identity, gzip", b""] {
            assert!(matches!(verdict(CONTENT_ENCODING, bad), Err(Refusal::Encoded)), "{bad:?}");
        }
    }

    #[test]
    fn one_method_on_each_route_and_one_label_for_all_others() {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let verdict = check_head(Route::CobaltWebhook, &method, &HeaderMap::new());
            assert!(matches!(verdict, Err(Refusal::WrongMethod)), "{method}");
        }
        for path in ["/", "", "/webhooks/cobalt/", "/WEBHOOKS/COBALT", "/v1/reports/1", "*"] {
            assert_eq!(Route::of(path), Route::Unknown, "{path}");
        }
    }
}
