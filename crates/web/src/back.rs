//! The way back, however somebody came: a token for Link is made, and what they say is done is
//! proven by asking Cobalt. The page behind a link and the app's banner both go through here, so
//! that they cannot differ in what they allow.

use crate::router::Shared;
use relink_cobalt::{CobaltError, Probe};
use relink_core::case::{Case, CloseReason};
use relink_core::id::{CaseId, NotificationId};
use relink_core::masked::Secret;
use relink_core::probe::shows_anything;
use relink_core::time::since;
use relink_core::visit::{MINTS_PER_HOUR, Visit, VisitStep, Visitor, Way};
use relink_store::{Proof, Proven, StoreError, WayBack};

/// Who came, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    pub(crate) way: Way,
    pub(crate) visitor: Visitor,
    /// The message whose link it was.
    pub(crate) notification_id: Option<NotificationId>,
}

impl Came {
    /// A step of theirs; the store says when.
    pub(crate) fn step(self, step: VisitStep) -> Visit {
        let Self { way, visitor, notification_id } = self;
        Visit { at: relink_core::Timestamp::UNIX_EPOCH, step, way, visitor, notification_id }
    }
}

/// Records steps of a case, and counts them.
///
/// # Errors
/// Nothing was recorded.
pub(crate) async fn note(
    shared: &Shared,
    case_id: CaseId,
    visits: &[Visit],
) -> Result<(), StoreError> {
    shared.store.note_visits(case_id, visits).await?;
    for visit in visits {
        shared.metrics.visit(visit.step, visit.visitor);
    }
    Ok(())
}

/// Why there is no token for Link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    /// The case has ended: there is nothing to link again, or another link leads there.
    #[error("the case has ended")]
    Ended,
    /// The account is not registered any more.
    #[error("the account is not registered")]
    NoAccount,
    /// The limit of tokens within an hour is reached.
    #[error("{MINTS_PER_HOUR} tokens were made for this case within an hour")]
    TooOften,
    /// This process has no credentials for Cobalt.
    #[error("cobalt.client_id and cobalt.client_secret are not set")]
    NoCredentials,
    /// The account's token does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Cobalt made none.
    #[error(transparent)]
    Cobalt(#[from] CobaltError),
}

/// Makes a token for Link in update mode and records that it was made. One call to Cobalt; may be
/// repeated, since a token that nobody uses ends by itself after 30 minutes.
///
/// # Errors
/// See [`NoToken`].
pub(crate) async fn launch(
    shared: &Shared,
    way_back: &WayBack,
    came: Came,
) -> Result<Secret, NoToken> {
    let case = &way_back.case;
    if !case.is_open() {
        return Err(NoToken::Ended);
    }
    let account = way_back.account.as_ref().ok_or(NoToken::NoAccount)?;
    if way_back.minted_lately >= MINTS_PER_HOUR {
        return Err(NoToken::TooOften);
    }
    let cobalt = shared.cobalt.as_ref().ok_or(NoToken::NoCredentials)?;
    let access_token = account.access_token.as_ref().map_err(Clone::clone)?;
    let token = cobalt.create_link_token(&account.user_id, &account.org_id, access_token).await?;
    // Whoever waits for Link is not held up by a record that cannot be written.
    if let Err(error) = note(shared, case.id, &[came.step(VisitStep::Minted)]).await {
        tracing::warn!(case.id = %case.id, %error, "a link token was made without a record of it");
    }
    Ok(token)
}

/// What is known of an account that somebody says works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It works: the case is closed.
    Works,
    /// Cobalt still wants it linked.
    StillBroken,
    /// Nobody knows yet; workers ask again.
    NotKnown,
    /// The case ended otherwise.
    Ended,
    /// Cobalt was asked about this case very often just now: nothing was recorded.
    TooOften,
}

/// Takes somebody's word that Link has ended well, and asks Cobalt for the proof. One call to
/// Cobalt; what it does not prove now is asked for again by workers.
///
/// # Errors
/// The word could not be recorded; it may be said again.
pub(crate) async fn done(
    shared: &Shared,
    way_back: &WayBack,
    came: Came,
) -> Result<Standing, StoreError> {
    let case = &way_back.case;
    if let Some(standing) = ended(case) {
        return Ok(standing);
    }
    if !shared.pages.may_ask(case.id) {
        return Ok(Standing::TooOften);
    }
    note(shared, case.id, &[came.step(VisitStep::Done)]).await?;
    // An account that is only warned about has worked all the time, so its answer proves nothing: a
    // person's word ends such a case, and a program's does not.
    if !shows_anything(case) && came.visitor != Visitor::Person {
        return Ok(Standing::NotKnown);
    }
    match ask(shared, way_back).await {
        Probe::Healthy => prove(shared, way_back, came).await,
        Probe::LoginRequired => {
            note(shared, case.id, &[came.step(VisitStep::NotYet)]).await?;
            Ok(Standing::StillBroken)
        }
        Probe::Unknown { why } => {
            tracing::warn!(case.id = %case.id, error = %why, "whether the account works is not known yet");
            Ok(Standing::NotKnown)
        }
    }
}

fn ended(case: &Case) -> Option<Standing> {
    match case.close_reason {
        Some(CloseReason::Repaired) => Some(Standing::Works),
        Some(CloseReason::Expired | CloseReason::AccountDeleted | CloseReason::Operator) => {
            Some(Standing::Ended)
        }
        None => None,
    }
}

/// Asks Cobalt whether the account works. Records nothing.
pub(crate) async fn ask(shared: &Shared, way_back: &WayBack) -> Probe {
    const CALL: &str = "whether an account works";
    let unknown = |why| Probe::Unknown { why: CobaltError::Unreadable { call: CALL, why } };
    let Some(cobalt) = &shared.cobalt else {
        return unknown("there are no credentials to ask with");
    };
    match way_back.account.as_ref().map(|account| &account.access_token) {
        Some(Ok(token)) => cobalt.probe(token).await,
        Some(Err(_)) => unknown("the access token does not open"),
        None => unknown("the account is not registered"),
    }
}

async fn prove(shared: &Shared, way_back: &WayBack, came: Came) -> Result<Standing, StoreError> {
    let proof = Proof {
        case_id: way_back.case.id,
        signals: way_back.case.signals,
        way: came.way,
        notification_id: came.notification_id,
        asked_at: way_back.now,
    };
    match shared.store.close_proven(&proof).await? {
        Proven::Closed(case) => {
            shared.metrics.visit(VisitStep::Proven, Visitor::Relink);
            if let Some(closed_at) = case.closed_at {
                let took = since(case.opened_at, closed_at);
                shared.metrics.relinked_after(took.as_secs_f64());
            }
            Ok(Standing::Works)
        }
        Proven::Overtaken | Proven::TooOld => Ok(Standing::NotKnown),
        // Somebody else was quicker; how it ended is on the page that is loaded next.
        Proven::NotOpen => Ok(Standing::Works),
    }
}
