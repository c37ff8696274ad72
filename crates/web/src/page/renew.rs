//! `POST /r/{token}/renew`: one tap on a link that has ended sends a new one to the address on
//! file. Whoever holds the old link learns nothing by it and gets nothing: the new one goes to the
//! person whom the old one was for.

use super::asked::{Asked, Entered};
use super::launch::chain;
use super::state::{State as PageState, standing};
use crate::back::{self, Came};
use crate::router::Shared;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use relink_cobalt::Probe;
use relink_core::signal::SignalKind;
use relink_store::{Renewal, Renewed};

/// Plans the new link, unless the account works.
pub(crate) async fn renew(State(shared): State<Shared>, asked: Asked, body: Body) -> Response {
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
    let state = standing(&entered.way_back, None, shared.cobalt.is_some());
    if state != PageState::Ended {
        return answer(state);
    }
    if !pages.may_ask(entered.way_back.case.id) {
        return answer(PageState::TooOften);
    }
    let Some(kind) = what_is_wrong(&shared, &entered).await else {
        return answer(PageState::Fixed);
    };
    let came = entered.came(&asked, said.as_ref());
    let Some(renewal) = renewal(&entered, came, kind) else {
        return answer(PageState::Unknown);
    };
    match shared.store.renew_link(&renewal).await {
        Ok(Renewed::Planned(_)) => {
            shared.metrics.visit(relink_core::visit::VisitStep::Renewed, came.visitor);
            answer(PageState::Sent)
        }
        // To whoever presses again it is the same: there is one on its way.
        Ok(Renewed::Before) => answer(PageState::Sent),
        Ok(Renewed::Nowhere) => answer(PageState::Unknown),
        Err(error) => {
            tracing::error!(error = chain(&error), "a new link could not be planned");
            answer(PageState::Trouble)
        }
    }
}

/// What a case for the new link is about; nothing when the account works. An open case has said so
/// already.
async fn what_is_wrong(shared: &Shared, entered: &Entered) -> Option<SignalKind> {
    let way_back = &entered.way_back;
    if way_back.open_case.is_some() {
        return Some(way_back.case.kind);
    }
    match back::ask(shared, way_back).await {
        Probe::Healthy => None,
        Probe::LoginRequired => Some(SignalKind::LoginRequired),
        Probe::Unknown { .. } => Some(way_back.case.kind),
    }
}

fn renewal(entered: &Entered, came: Came, kind: SignalKind) -> Option<Renewal> {
    let message = entered.way_back.notification.as_ref()?;
    Some(Renewal {
        notification_id: message.id,
        case_id: message.case_id,
        account_ref: message.account_ref.clone(),
        contact_id: message.contact_id.clone(),
        channel: message.channel,
        kind,
        visitor: came.visitor,
    })
}
