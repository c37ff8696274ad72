//! `POST /r/{token}/link`: the press that hands somebody to Link. May be pressed again: a token
//! that nobody uses ends by itself, and the link is used up only by a repair.

use super::asked::Asked;
use super::state::{State as PageState, without_token};
use crate::back;
use crate::router::Shared;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;

/// Makes a token for Link: for our script, or for a page that leads there without one.
pub(crate) async fn launch(State(shared): State<Shared>, asked: Asked, body: Body) -> Response {
    let pages = &shared.pages;
    let said = match asked.said(pages, body).await {
        Ok((_own, said)) => said,
        Err(state) => return pages.turn_away(&asked, state),
    };
    let entered = match asked.enter(&shared).await {
        Ok(entered) => entered,
        Err(state) => return pages.turn_away(&asked, state),
    };
    let came = entered.came(&asked, said.as_ref());
    let case = &entered.way_back.case;
    match back::launch(&shared, &entered.way_back, came).await {
        Ok(token) if asked.wants_json() => pages.token(&token),
        Ok(token) => pages.leave(&asked, &entered, &token),
        Err(back::NoToken::Ended) => {
            let state = super::state::standing(&entered.way_back, None, true);
            pages.answer(&asked, &entered, state)
        }
        Err(error) => {
            tracing::warn!(case.id = %case.id, error = chain(&error), "nobody could be handed to Link");
            let state: PageState = without_token(&error);
            pages.answer(&asked, &entered, state)
        }
    }
}

/// An error with what caused it. None of ours holds a token, an address or a body.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
