//! The customer's app as a channel: a user's open cases as that app shows them, live, and the way
//! back from there. For whom it is and what it may say is narrow: the app's own backend or one user
//! with a short-lived token; ids, a kind, a moment and one calm sentence, and nothing else.

pub(crate) mod access;
pub(crate) mod cases;
pub(crate) mod component;
pub(crate) mod cors;
pub(crate) mod hub;
pub(crate) mod mailbox;
pub(crate) mod stream;
pub(crate) mod token;
pub(crate) mod token_route;
pub(crate) mod view;
pub(crate) mod way;
pub(crate) mod wording;

use crate::router::Row;
use axum::routing::{get, post};

/// Open to the app's backend and to the user's own token.
pub(crate) fn user_routes() -> Vec<Row> {
    vec![
        ("/v1/users/{user_id}/cases", get(cases::list)),
        ("/v1/users/{user_id}/cases/stream", get(stream::open)),
        ("/v1/users/{user_id}/cases/{case_id}/link", post(way::link)),
        ("/v1/users/{user_id}/cases/{case_id}/done", post(way::done)),
        ("/v1/users/{user_id}/cases/{case_id}/seen", post(way::seen)),
        ("/v1/users/{user_id}/token", post(token_route::mint)),
    ]
}
