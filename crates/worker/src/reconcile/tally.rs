//! What a round saw and did, in numbers.

use serde::Serialize;
use std::ops::AddAssign;

/// What a round saw and did. Of the events of ours each is exactly one of `known`, `found`,
/// `waiting`, `contradicting`, `refused` and `repeated`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Pages of the list that were read.
    pub pages: u64,
    /// Items on them.
    pub seen: u64,
    /// Of these, items that could not be read or name no account.
    pub unreadable: u64,
    /// Of these, events of our kinds.
    pub ours: u64,
    /// On record already.
    pub known: u64,
    /// Missed until now; in a dry run, that would be applied.
    pub found: u64,
    /// Of the found, those that tell of a time before the account's last repair: on record now,
    /// nobody is told. Not known of a dry run.
    pub stale: u64,
    /// Left to their webhooks for now.
    pub waiting: u64,
    /// With the id of another event on record: not applied.
    pub contradicting: u64,
    /// That the store refused.
    pub refused: u64,
    /// Listed more than once, for several webhook URLs.
    pub repeated: u64,
    /// Accounts asked about, when Cobalt lists nothing account-wide.
    pub accounts: u64,
    /// Of these, accounts whose login is broken, by Cobalt's answer.
    pub accounts_broken: u64,
    /// Of these, accounts that Cobalt will not list whatever one does: their token is no good.
    pub accounts_refused: u64,
    /// Of these, accounts for which there was no answer; they are asked about again.
    pub accounts_failed: u64,
    /// Accounts and events that have to be looked at again before the round counts.
    pub owed: u64,
    /// Accounts and events that failed in so many rounds that the others wait for them no more.
    pub set_aside: u64,
}

impl Tally {
    /// Whether nothing has to be looked at again.
    pub fn is_complete(&self) -> bool {
        self.owed == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        let Self {
            pages,
            seen,
            unreadable,
            ours,
            known,
            found,
            stale,
            waiting,
            contradicting,
            refused,
            repeated,
            accounts,
            accounts_broken,
            accounts_refused,
            accounts_failed,
            owed,
            set_aside,
        } = more;
        self.pages += pages;
        self.seen += seen;
        self.unreadable += unreadable;
        self.ours += ours;
        self.known += known;
        self.found += found;
        self.stale += stale;
        self.waiting += waiting;
        self.contradicting += contradicting;
        self.refused += refused;
        self.repeated += repeated;
        self.accounts += accounts;
        self.accounts_broken += accounts_broken;
        self.accounts_refused += accounts_refused;
        self.accounts_failed += accounts_failed;
        self.owed += owed;
        self.set_aside += set_aside;
    }
}
