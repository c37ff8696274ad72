//! `POST /r/{token}/done`: somebody says that Link has ended well. What they say is recorded, and
//! believed only when Cobalt answers for the account. The public token that Link hands out is
//! neither asked for nor read.

use super::asked::Asked;
use super::state::{State as PageState, after_done, standing};
use crate::back;
use crate::router::Shared;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;

/// Takes the claim and answers how the account stands.
pub(crate) async fn done(State(shared): State<Shared>, asked: Asked, body: Body) -> Response {
    let pages = &shared.pages;
    let said = match asked.said(pages, body).await {
        Ok((_own, said)) => said,
        Err(state) => return pages.turn_away(&asked, state),
    };
    let entered = match asked.enter(&shared).await {
        Ok(entered) => entered,
        Err(state) => return pages.turn_away(&asked, state),
    };
    let answer = |state| pages.answer(&asked, &entered, state);
    let case = &entered.way_back.case;
    if !case.is_open() {
        return answer(standing(&entered.way_back, None, true));
    }
    let came = entered.came(&asked, said.as_ref());
    match back::done(&shared, &entered.way_back, came).await {
        Ok(standing) => answer(after_done(standing)),
        Err(error) => {
            tracing::error!(case.id = %case.id, %error, "what somebody said is done could not be recorded");
            answer(PageState::Trouble)
        }
    }
}
