//! Arrears: what rounds of comparing with Cobalt's list could not look at, and since when.
//!
//! What was not looked at must not count as looked at, and one account that stays broken must not
//! keep everybody else's events from counting. So what fails holds the mark back for [`TRIES`]
//! rounds; then it is set aside: the mark moves on without it. It stays on the list, with the
//! moment from which on its events have not been seen, for as long as the rounds meet it: an
//! account that answers again is looked at from there on, and an event is tried with every round
//! that still lists it.

use crate::id::{AccountRef, EventId};
use crate::time::{from_millis, to_millis};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rounds in a row in which something may fail before it holds up the others no more. Failed rounds
/// follow one another faster than others, so these are about half an hour.
pub const TRIES: u32 = 10;

/// What could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An account whose token no key opens, or whose list Cobalt did not give.
    Account(AccountRef),
    /// An event that the store refused.
    Event(EventId),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(account_ref) => write!(f, "account {account_ref}"),
            Self::Event(event_id) => write!(f, "event {event_id}"),
        }
    }
}

/// How one of them stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrear {
    /// From when on it has not been looked at.
    pub since: Timestamp,
    /// Rounds in a row that failed with it.
    pub tries: u32,
}

impl Arrear {
    /// Whether it holds up the others no more.
    pub fn is_set_aside(self) -> bool {
        self.tries >= TRIES
    }
}

/// Everything that could not be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrears(BTreeMap<Subject, Arrear>);

/// A row as it is stored.
#[derive(Serialize, Deserialize)]
struct Row {
    what: Subject,
    /// In milliseconds since 1970.
    since: i64,
    tries: u32,
}

impl Arrears {
    /// What [`Self::write`] wrote.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let rows: Vec<Row> = serde_json::from_str(text)?;
        let arrear = |row: &Row| Arrear { since: from_millis(row.since), tries: row.tries };
        Ok(Self(rows.into_iter().map(|row| (row.what.clone(), arrear(&row))).collect()))
    }

    /// The text that is stored.
    #[expect(clippy::expect_used, reason = "invariant: ids and numbers always serialise")]
    pub fn write(&self) -> String {
        let row = |(what, arrear): (&Subject, &Arrear)| Row {
            what: what.clone(),
            since: to_millis(arrear.since),
            tries: arrear.tries,
        };
        let rows: Vec<Row> = self.0.iter().map(row).collect();
        serde_json::to_string(&rows).expect("invariant: ids and numbers always serialise")
    }

    /// How `what` stands, if it failed in the last round.
    pub fn of(&self, what: &Subject) -> Option<Arrear> {
        self.0.get(what).copied()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, Arrear)> {
        self.0.iter().map(|(what, arrear)| (what, *arrear))
    }

    /// The earliest moment from which on some account has not been looked at.
    pub fn earliest_of_accounts(&self) -> Option<Timestamp> {
        let of_account = |what: &Subject| match what {
            Subject::Account(_) => true,
            Subject::Event(_) => false,
        };
        self.iter().filter(|(what, _)| of_account(what)).map(|(_, arrear)| arrear.since).min()
    }

    /// What is in arrears after a round to the end of the list that looked from `from` on and failed
    /// with these. All else it has seen, or will not meet again.
    #[must_use]
    pub fn after_round(&self, failed: impl IntoIterator<Item = Subject>, from: Timestamp) -> Self {
        let again = |what: Subject| {
            let before = self.of(&what);
            let since = before.map_or(from, |before| before.since.min(from));
            let tries = before.map_or(0, |before| before.tries).saturating_add(1);
            (what, Arrear { since, tries })
        };
        Self(failed.into_iter().map(again).collect())
    }

    /// How many hold the mark back.
    pub fn holding(&self) -> usize {
        self.iter().filter(|(_, arrear)| !arrear.is_set_aside()).count()
    }

    /// How many are set aside.
    pub fn set_aside(&self) -> usize {
        self.0.len() - self.holding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Subject {
        Subject::Account(AccountRef::parse(name).unwrap())
    }

    fn event(name: &str) -> Subject {
        Subject::Event(EventId::parse(name).unwrap())
    }

    #[test]
    fn what_fails_holds_the_mark_back_so_many_times_and_keeps_where_it_was_left() {
        let mut arrears = Arrears::default();
        for round in 1..=TRIES + 2 {
            let from = from_millis(i64::from(round) * 1_000);
            arrears = arrears.after_round([account("a"), event("e")], from);
            assert_eq!(arrears.holding(), if round < TRIES { 2 } else { 0 }, "{round}");
            assert_eq!(arrears.set_aside(), if round < TRIES { 0 } else { 2 }, "{round}");
        }
        let arrear = arrears.of(&account("a")).unwrap();
        assert_eq!((arrear.since, arrear.tries), (from_millis(1_000), TRIES + 2));
        // One of them was looked at: if it fails again, that is another story.
        let from = from_millis(99_000);
        let arrears = arrears.after_round([event("e")], from).after_round([account("a")], from);
        assert_eq!(arrears.of(&account("a")), Some(Arrear { since: from, tries: 1 }));
        assert_eq!(arrears.of(&event("e")), None);
    }

    #[test]
    fn only_accounts_have_a_list_of_their_own_to_go_back_in() {
        let none = Arrears::default();
        assert_eq!(none.earliest_of_accounts(), None);
        let early = none.after_round([event("e")], from_millis(1));
        assert_eq!(early.earliest_of_accounts(), None);
        let both = early.after_round([event("e"), account("a")], from_millis(5));
        assert_eq!(both.earliest_of_accounts(), Some(from_millis(5)));
    }

    #[test]
    fn the_stored_form_is_read_and_written_to_the_letter() {
        let text = r#"[{"what":{"account":"clinic_1"},"since":5,"tries":3},{"what":{"event":"e\"1"},"since":-7,"tries":10}]"#;
        let arrears = Arrears::read(text).unwrap();
        assert_eq!((arrears.holding(), arrears.set_aside()), (1, 1));
        assert_eq!(arrears.write(), text);
        assert_eq!(Arrears::read("[]").unwrap(), Arrears::default());
        assert_eq!(Arrears::default().write(), "[]");
        for other in ["", "{}", "[1]"] {
            assert!(Arrears::read(other).is_err(), "{other}");
        }
    }
}
