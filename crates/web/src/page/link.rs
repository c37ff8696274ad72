//! `GET /r/{token}`: shows what the link leads to. One read of the store, and no row of it.

use super::asked::Asked;
use super::state::standing;
use crate::router::Shared;
use axum::extract::State;
use axum::response::Response;
use hyper::Uri;

/// Shows the page behind a link.
pub(crate) async fn show(State(shared): State<Shared>, asked: Asked) -> Response {
    match asked.enter(&shared).await {
        Ok(entered) => {
            let state = standing(&entered.way_back, asked.at, shared.cobalt.is_some());
            shared.pages.answer(&asked, &entered, state)
        }
        Err(state) => shared.pages.turn_away(&asked, state),
    }
}

/// `GET` of what is only ever posted to: somebody loaded the answer again. Back to the page.
pub(crate) async fn again(State(shared): State<Shared>, uri: Uri) -> Response {
    let token = uri.path().rsplit('/').nth(1).unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    shared.pages.go_to(&format!("../{token}{query}"))
}
