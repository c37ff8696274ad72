//! What people who come back do, as far as Relink's own pages and the app's banner can tell. Link
//! itself tells nothing of an abandonment, so every step before it and behind it is a row on the
//! case's timeline.

use crate::id::NotificationId;
use crate::words::words;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

words! {
    /// One step of the way back.
    pub enum VisitStep {
        /// Somebody looked at the page: shown by a touch, a key or a pointer. That it was fetched
        /// is not recorded, since mail scanners fetch every link.
        Opened = "opened",
        /// A link token was made.
        Minted = "minted",
        /// Link was opened with it.
        Launched = "launched",
        /// The page was left while Link was open.
        Left = "left",
        /// Somebody was there again after having left.
        CameBack = "came_back",
        /// Link is said to have ended well. A claim, not a proof.
        Done = "done",
        /// Cobalt still wants the account linked, although it is said to be done.
        NotYet = "not_yet",
        /// Cobalt answers for the account again.
        Proven = "proven",
        /// A new link was asked for.
        Renewed = "renewed",
        /// Cobalt could not say for so long whether the account works that a message goes to its
        /// gate without an answer.
        PatienceOver = "patience_over",
    }
}

words! {
    /// The way somebody came, or what made Relink ask Cobalt.
    pub enum Way {
        /// The link in a message.
        Link = "link",
        /// The customer's own app.
        InApp = "in_app",
        /// A message was about to be sent.
        BeforeSend = "before_send",
        /// Asked again some time after somebody said that it is done.
        Recheck = "recheck",
    }
}

words! {
    /// Who is behind a step.
    pub enum Visitor {
        /// Somebody used the page with a hand on it.
        Person = "person",
        /// A program may have done it: mail scanners run scripts and send forms.
        Unproven = "unproven",
        /// Relink itself.
        Relink = "relink",
    }
}

/// A step as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: VisitStep,
    /// How they came.
    pub way: Way,
    /// Who.
    pub visitor: Visitor,
    /// The message whose link it was, if it was one.
    pub notification_id: Option<NotificationId>,
}

/// Steps recorded of one case at most, but for those that limits or ends are read from: whoever
/// has a link must not be able to fill the store.
pub const MAX_VISITS: usize = 500;

/// Link tokens made for one case within an hour at most. Scanners that send the form must not use
/// up what a person needs a minute later, so it is well above what ten of them do.
pub const MINTS_PER_HOUR: u32 = 40;

/// The waits between asking Cobalt again, first after "done", then after each answer that did not
/// prove it. Minutes for a login that takes a while to be seen, hours for an outage of Cobalt.
pub const RECHECK_WAITS: [Duration; 7] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
];

impl VisitStep {
    /// Whether it is recorded however many steps a case has.
    pub fn is_always_recorded(self) -> bool {
        match self {
            // The limit on tokens is counted from these.
            Self::Minted | Self::Proven => true,
            Self::Opened
            | Self::Launched
            | Self::Left
            | Self::CameBack
            | Self::Done
            | Self::NotYet
            | Self::Renewed
            | Self::PatienceOver => false,
        }
    }
}
