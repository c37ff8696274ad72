//! What a page can say, and which of it what is known of a link amounts to. Pure.

use crate::back::{NoToken, Standing};
use hyper::StatusCode;
use relink_cobalt::CobaltError;
use relink_core::case::CloseReason;
use relink_core::signal::SignalKind;
use relink_store::WayBack;

/// Everything a page can say. The word is what scripts are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// The account has to be linked again.
    Fresh,
    /// It still works, and its password changes soon.
    Warned,
    /// Link opens in another tab.
    Leaving,
    /// Link was closed before its end, as far as the page can tell.
    HalfWay,
    /// Link has sent somebody back.
    Returned,
    /// It is said to be done, and not proven yet.
    Checking,
    /// Cobalt still wants the account linked.
    StillBroken,
    /// The account works.
    Fixed,
    /// The case has ended, and the account may need its user still.
    Ended,
    /// A new link is planned.
    Sent,
    /// Link has sent somebody back whose link is not known here.
    Lost,
    /// No such link, or nothing that it could lead to.
    Unknown,
    /// Cobalt gave no token.
    Unreachable,
    /// A limit is reached.
    TooOften,
    /// There are no credentials for Cobalt.
    NotSetUp,
    /// Trouble of ours.
    Trouble,
    /// Another site asked.
    Refused,
}

impl State {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 17] = [
        Self::Fresh,
        Self::Warned,
        Self::Leaving,
        Self::HalfWay,
        Self::Returned,
        Self::Checking,
        Self::StillBroken,
        Self::Fixed,
        Self::Ended,
        Self::Sent,
        Self::Lost,
        Self::Unknown,
        Self::Unreachable,
        Self::TooOften,
        Self::NotSetUp,
        Self::Trouble,
        Self::Refused,
    ];

    /// The one spelling of this state.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Warned => "warned",
            Self::Leaving => "leaving",
            Self::HalfWay => "half_way",
            Self::Returned => "returned",
            Self::Checking => "checking",
            Self::StillBroken => "still_broken",
            Self::Fixed => "fixed",
            Self::Ended => "ended",
            Self::Sent => "sent",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
            Self::Unreachable => "unreachable",
            Self::TooOften => "too_often",
            Self::NotSetUp => "not_set_up",
            Self::Trouble => "trouble",
            Self::Refused => "refused",
        }
    }

    /// Its HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Fresh
            | Self::Warned
            | Self::Leaving
            | Self::HalfWay
            | Self::Returned
            | Self::Checking
            | Self::StillBroken
            | Self::Fixed
            | Self::Sent
            | Self::Lost => StatusCode::OK,
            Self::Ended => StatusCode::GONE,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            // Not 502: proxies put a page of their own in its place.
            Self::Unreachable | Self::NotSetUp | Self::Trouble => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused => StatusCode::FORBIDDEN,
        }
    }

    /// `Retry-After`, in seconds.
    pub(crate) fn retry_after(self) -> Option<u32> {
        match self {
            Self::Trouble => Some(5),
            Self::Unreachable => Some(30),
            // What is counted leaves the count one by one.
            Self::TooOften => Some(60),
            Self::Fresh
            | Self::Warned
            | Self::Leaving
            | Self::HalfWay
            | Self::Returned
            | Self::Checking
            | Self::StillBroken
            | Self::Fixed
            | Self::Ended
            | Self::Sent
            | Self::Lost
            | Self::Unknown
            | Self::NotSetUp
            | Self::Refused => None,
        }
    }
}

/// Where somebody says they are, in the address of the page. Only changes what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// They were at Link and came back without its end.
    HalfWay,
    /// They said that it is done.
    Checking,
    /// Link sent them back.
    Returned,
}

impl At {
    /// Reads `?at=`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "half_way" => Some(Self::HalfWay),
            "checking" => Some(Self::Checking),
            _ => None,
        }
    }
}

/// What a link leads to. `set_up` says whether Cobalt can be asked.
pub(crate) fn standing(way_back: &WayBack, at: Option<At>, set_up: bool) -> State {
    let WayBack { case, contact, account, open_case, .. } = way_back;
    match case.close_reason {
        None if account.is_none() => State::Unknown,
        None if !set_up => State::NotSetUp,
        None => match (at, case.kind) {
            (Some(At::HalfWay), _) => State::HalfWay,
            (Some(At::Checking), _) => State::Checking,
            (Some(At::Returned), _) => State::Returned,
            (None, SignalKind::PasswordChangeWarning) => State::Warned,
            (None, SignalKind::LoginRequired | SignalKind::Repaired) => State::Fresh,
        },
        // A case opened since says that it does not work any more.
        Some(CloseReason::Repaired) if open_case.is_none() => State::Fixed,
        Some(CloseReason::Repaired | CloseReason::Expired | CloseReason::Operator)
            if account.is_some() && contact.is_some() =>
        {
            State::Ended
        }
        Some(
            CloseReason::Repaired
            | CloseReason::Expired
            | CloseReason::Operator
            | CloseReason::AccountDeleted,
        ) => State::Unknown,
    }
}

/// What somebody is told who could not be handed to Link.
pub(crate) fn without_token(why: &NoToken) -> State {
    match why {
        NoToken::Ended => State::Ended,
        NoToken::NoAccount => State::Unknown,
        NoToken::TooOften => State::TooOften,
        NoToken::NoCredentials => State::NotSetUp,
        NoToken::Store(_) | NoToken::Cobalt(CobaltError::BadAccessToken) => State::Trouble,
        NoToken::Cobalt(
            CobaltError::Call { .. }
            | CobaltError::LoginRequired { .. }
            | CobaltError::Refused { .. }
            | CobaltError::Unreadable { .. },
        ) => State::Unreachable,
    }
}

/// What somebody is told who said that it is done.
pub(crate) fn after_done(standing: Standing) -> State {
    match standing {
        Standing::Works => State::Fixed,
        Standing::StillBroken => State::StillBroken,
        Standing::NotKnown => State::Checking,
        Standing::Ended => State::Ended,
        Standing::TooOften => State::TooOften,
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
