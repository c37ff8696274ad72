//! A state becomes an answer: a page for people, a word for scripts.

use super::Pages;
use super::asked::{Asked, Entered};
use super::state::State;
use super::template::Page;
use super::ticket::in_header;
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderValue};
use relink_core::Timestamp;
use relink_core::masked::Secret;
use serde_json::json;

impl Pages {
    /// The answer to somebody whose link exists.
    pub(super) fn answer(&self, asked: &Asked, entered: &Entered, state: State) -> Response {
        self.answer_for(asked, entered, &asked.token, state)
    }

    /// The same where the address of the page does not name the link.
    pub(super) fn answer_for(
        &self,
        asked: &Asked,
        entered: &Entered,
        token: &str,
        state: State,
    ) -> Response {
        if asked.wants_json() || state == State::Unknown {
            let mut response = self.turn_away(asked, state);
            self.forget_ticket(asked, state, &mut response);
            return response;
        }
        let language = asked.language(entered.locale.as_deref());
        let whom = entered.whom.as_deref();
        let page = Page { state, language, token, whom, open: None };
        let mut response = self.html(state, self.templates.html(&page));
        self.forget_ticket(asked, state, &mut response);
        response
    }

    /// The answer to somebody of whom nothing is known.
    pub(super) fn turn_away(&self, asked: &Asked, state: State) -> Response {
        if asked.wants_json() {
            return self.json(state, &json!({ "state": state.as_str() }));
        }
        let language = asked.language(None);
        if state == State::Unknown {
            return self.html(state, self.templates.unknown(language));
        }
        let page = Page { state, language, token: "", whom: None, open: None };
        self.html(state, self.templates.html(&page))
    }

    /// A token for our script.
    pub(super) fn token(&self, token: &Secret) -> Response {
        self.json(State::Fresh, &json!({ "token": token.expose() }))
    }

    /// The page that leads to Link without a script, and the cookie that leads back.
    pub(super) fn leave(&self, asked: &Asked, entered: &Entered, token: &Secret) -> Response {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.expose())
            .finish();
        let page = Page {
            state: State::Leaving,
            language: asked.language(entered.locale.as_deref()),
            token: &asked.token,
            whom: entered.whom.as_deref(),
            open: Some(format!("{}?{query}", self.templates.link_origin)),
        };
        let mut response = self.html(State::Leaving, self.templates.html(&page));
        self.give_ticket(asked, &mut response);
        response
    }

    /// Adds the cookie that leads back to the link.
    pub(super) fn give_ticket(&self, asked: &Asked, response: &mut Response) {
        if let Some(cookie) = self.tickets.issue(&asked.token, Timestamp::now()) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }

    /// Nobody who is done has to be known again.
    fn forget_ticket(&self, asked: &Asked, state: State, response: &mut Response) {
        let over = state == State::Fixed && in_header(asked.cookies()).is_some();
        if let Some(cookie) = self.tickets.revoke().filter(|_| over) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }

    fn html(&self, state: State, html: impl Into<axum::body::Body>) -> Response {
        self.with_headers(state, html.into().into_response())
    }

    fn json(&self, state: State, value: &serde_json::Value) -> Response {
        let mut response = self.with_headers(state, value.to_string().into_response());
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// An answer without a body.
    pub(super) fn empty(&self) -> Response {
        let mut response = self.with_headers(State::Fresh, ().into_response());
        *response.status_mut() = hyper::StatusCode::NO_CONTENT;
        response.headers_mut().remove(header::CONTENT_TYPE);
        response
    }

    /// Sends a browser to another page of ours.
    pub(super) fn go_to(&self, location: &str) -> Response {
        let mut response = self.empty();
        *response.status_mut() = hyper::StatusCode::SEE_OTHER;
        if let Ok(location) = HeaderValue::try_from(location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }

    fn with_headers(&self, state: State, mut response: Response) -> Response {
        *response.status_mut() = state.status();
        *response.headers_mut() = self.headers.clone();
        if let Some(seconds) = state.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
