//! `GET /r/back`: where Cobalt sends people whose sign-in was in a tab of its own. A GET changes
//! nothing, this one neither: the page has a button, which our script presses by itself. The
//! public token in the address is never read.

use super::asked::Asked;
use super::state::{At, State as PageState, standing};
use crate::router::Shared;
use axum::extract::State;
use axum::response::Response;
use relink_core::Timestamp;

/// Shows the page of the link that somebody left by, if a cookie tells which it was.
pub(crate) async fn back(State(shared): State<Shared>, asked: Asked) -> Response {
    let pages = &shared.pages;
    let Some(link) = pages.tickets.open(asked.cookies(), Timestamp::now()) else {
        return pages.turn_away(&asked, PageState::Lost);
    };
    match asked.enter_by(&shared, &link).await {
        Ok(entered) => {
            let at = Some(asked.at.unwrap_or(At::Returned));
            let state = standing(&entered.way_back, at, shared.cobalt.is_some());
            pages.answer_for(&asked, &entered, &link, state)
        }
        Err(state) => pages.turn_away(&asked, state),
    }
}
