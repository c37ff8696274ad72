//! The hosted page as HTML. Whatever is put in is made here: ids, codes and fixed sentences, so
//! that nothing needs escaping and nothing tells of an account.

use super::visit::{Over, Said, Screen};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::{Response, StatusCode};
use relink_http::problem::with_type;

/// Where the hosted page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the lightbox, over the page of a client.
    Lightbox,
    /// In a window of its own.
    Window,
}

impl Place {
    /// By what the script puts into the lightbox's address.
    pub(super) fn of(frame: Option<&str>) -> Self {
        match frame {
            Some("1") => Self::Lightbox,
            Some(_) | None => Self::Window,
        }
    }
}

/// The page of a screen. `call_back` is where its form may end.
pub(super) fn page(
    screen: &Screen,
    place: Place,
    call_back: Option<&str>,
) -> Response<Full<Bytes>> {
    let status = match screen {
        Screen::Login { .. } | Screen::Code { .. } | Screen::Done { .. } => StatusCode::OK,
        Screen::Over(Over::Unknown) => StatusCode::NOT_FOUND,
        Screen::Over(Over::Used | Over::Old) => StatusCode::GONE,
    };
    let (title, body) = match screen {
        Screen::Login { visit, said } => (
            "Sign in to your EHR",
            filled(include_str!("login.html"), &[("visit", visit)], *said, place),
        ),
        Screen::Code { visit, code, said } => (
            "Enter your code",
            filled(include_str!("code.html"), &[("visit", visit), ("code", code)], *said, place),
        ),
        Screen::Done { .. } => ("You are signed in again", end("This window can be closed.")),
        Screen::Over(over) => ("Please start again", end(why(*over))),
    };
    // Only the lightbox hands a public token on from the page; a window takes it along.
    let told = match (screen, place) {
        (Screen::Done { public_token, .. }, Place::Lightbox) => public_token.as_str(),
        _ => "",
    };
    let html = include_str!("page.html")
        .replace("{title}", title)
        .replace("{public_token}", told)
        .replace("{body}", &body);
    let mut response = with_type(status, "text/html; charset=utf-8", html);
    if let Ok(policy) = HeaderValue::try_from(policy(call_back)) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Any page may show it in a frame. A browser holds a form to its targets across redirects too.
fn policy(call_back: Option<&str>) -> String {
    let target = call_back.and_then(origin).map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
         form-action 'self'{target}; base-uri 'none'; frame-ancestors *"
    )
}

fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    Some(format!("{scheme}://{host}"))
}

fn filled(template: &str, values: &[(&str, &str)], said: Option<Said>, place: Place) -> String {
    let said = said.map(|said| format!("<p id=\"said\" role=\"alert\">{}</p>", sentence(said)));
    let frame = match place {
        Place::Lightbox => "1",
        Place::Window => "0",
    };
    let mut html = template.replace("{said}", &said.unwrap_or_default()).replace("{frame}", frame);
    for (name, value) in values {
        html = html.replace(&format!("{{{name}}}"), value);
    }
    html
}

fn end(text: &str) -> String {
    format!("<p>{text}</p>")
}

fn sentence(said: Said) -> &'static str {
    match said {
        Said::BothAreNeeded => "Enter your user name and your password.",
        Said::WrongCode => "That is not the code. Look again and enter it once more.",
        Said::NotTaken => "The EHR did not take the code. Here is a new one.",
        Said::NoAnswer => "The EHR does not answer. Try again, or close this and come back later.",
    }
}

fn why(over: Over) -> &'static str {
    match over {
        Over::Used => "This sign-in was opened before. Close it and start a new one.",
        Over::Old => "This sign-in waited too long. Close it and start a new one.",
        Over::Unknown => "This sign-in is not known. Close it and start a new one.",
    }
}
