//! Link's own host: `GET /init.js` for pages that load it, `GET /?token=…` for the person, in the
//! lightbox or in a window of its own, and `POST /` for what is filled in there.

use super::html::{Place, page};
use super::links::Links;
use super::visit::{Given, Screen};
use crate::answer::{Asked, form, spawn};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use relink_http::problem::with_type;
use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Listens on `address` until `stop`; `repair` makes an account work again.
pub(crate) async fn host(
    address: SocketAddr,
    stop: CancellationToken,
    links: Links,
    repair: impl Fn(&str) + Send + Sync + 'static,
) -> std::io::Result<SocketAddr> {
    spawn(address, stop, move |asked| {
        let answer = answer(&asked, &links, &repair);
        async move { answer }
    })
    .await
}

fn answer(asked: &Asked, links: &Links, repair: impl Fn(&str)) -> Response<Full<Bytes>> {
    let response = match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/init.js") => script(links),
        (&Method::GET, "/page.js") => with_type(StatusCode::OK, SCRIPT, include_str!("page.js")),
        (&Method::GET, "/page.css") => {
            with_type(StatusCode::OK, "text/css; charset=utf-8", include_str!("page.css"))
        }
        (&Method::GET, "/") => {
            let screen = links.open(&asked.query("token").unwrap_or_default());
            show(&screen, links, Place::of(asked.query("frame").as_deref()))
        }
        (&Method::POST, "/") => submitted(asked, links, repair),
        _ => plain(StatusCode::NOT_FOUND, "No such page"),
    };
    closed_off(response)
}

fn script(links: &Links) -> Response<Full<Bytes>> {
    if links.script_is_away() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "Try again later");
    }
    with_type(StatusCode::OK, SCRIPT, include_str!("init.js"))
}

fn submitted(asked: &Asked, links: &Links, repair: impl Fn(&str)) -> Response<Full<Bytes>> {
    let field = |name| form(&asked.body, name).unwrap_or_default();
    let given =
        Given { user_name: field("user_name"), password: field("password"), code: field("code") };
    let screen = links.submit(&field("visit"), &given);
    if let Screen::Done { repairs: Some(account), .. } = &screen {
        repair(account);
    }
    show(&screen, links, Place::of(Some(&field("frame"))))
}

/// The lightbox gets every screen as a page. A window of Link's own ends by going back to where
/// its client wants people sent.
fn show(screen: &Screen, links: &Links, place: Place) -> Response<Full<Bytes>> {
    let call_back = links.lock().call_back.clone();
    if let (Screen::Done { public_token, .. }, Place::Window, Some(url)) =
        (screen, place, &call_back)
    {
        let joint = if url.contains('?') { '&' } else { '?' };
        let mut response = plain(StatusCode::SEE_OTHER, "");
        if let Ok(back) = HeaderValue::try_from(format!("{url}{joint}token={public_token}")) {
            response.headers_mut().insert(LOCATION, back);
        }
        return response;
    }
    page(screen, place, call_back.as_deref())
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", text)
}

/// Kept by nobody, told to no other site, and usable from pages that isolate themselves.
fn closed_off(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
