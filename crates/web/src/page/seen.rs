//! `POST /r/{token}/seen`: steps that only the page can see. Link says nothing of being closed, so
//! this is all that is known of somebody who gave up half-way.

use super::asked::Asked;
use super::state::State as PageState;
use crate::back::note;
use crate::router::Shared;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;

/// Records steps. What is said of a case that has ended is of no use to anybody.
pub(crate) async fn seen(State(shared): State<Shared>, asked: Asked, body: Body) -> Response {
    let pages = &shared.pages;
    let said = match asked.said(pages, body).await {
        Ok((_own, Some(said))) => said,
        Ok((_own, None)) => return pages.turn_away(&asked, PageState::Refused),
        Err(state) => return pages.turn_away(&asked, state),
    };
    let entered = match asked.enter(&shared).await {
        Ok(entered) => entered,
        Err(state) => return pages.turn_away(&asked, state),
    };
    let (case, came) = (&entered.way_back.case, entered.came(&asked, Some(&said)));
    let visits: Vec<_> = said.visits().into_iter().map(|step| came.step(step)).collect();
    if case.is_open()
        && !visits.is_empty()
        && let Err(error) = note(&shared, case.id, &visits).await
    {
        tracing::warn!(case.id = %case.id, %error, "what a page saw could not be recorded");
        return pages.turn_away(&asked, PageState::Trouble);
    }
    let mut response = pages.empty();
    if said.window {
        pages.give_ticket(&asked, &mut response);
    }
    response
}
