//! Reading a list to its end: every page of every type that is ours, with a bound on both.

use super::{MARK, Reconciler, Round, RoundError, TURN, Tally};
use relink_cobalt::{CobaltError, EventFilter, EventsPage};
use relink_core::Timestamp;
use relink_core::id::{AccountRef, EventId};
use relink_core::masked::Secret;
use relink_core::signal::Signal;
use relink_core::time::utc_day;
use std::collections::HashSet;

/// The types that are asked for; the answer is filtered again, by every name they go by.
const EVENT_TYPES: [&str; 2] =
    ["access_token.login_required", "access_token.password_change_warning"];

/// Pages of one list at most: 100,000 events.
const MAX_PAGES: u32 = 1_000;

/// An account that is asked for by itself.
pub(super) struct Whose<'a> {
    pub(super) account_ref: &'a AccountRef,
    pub(super) token: &'a Secret,
}

impl Reconciler {
    /// Reads the list, of one account or account-wide, and takes in what was missed.
    pub(super) async fn list(
        &self,
        round: &Round,
        whose: Option<&Whose<'_>>,
    ) -> Result<Tally, RoundError> {
        let mut tally = Tally::default();
        let mut met = HashSet::new();
        let from = round.looks_from(whose.map(|whose| whose.account_ref));
        for event_type in EVENT_TYPES {
            let filter = EventFilter {
                event_type: Some(event_type),
                from: Some(utc_day(from)),
                to: None,
                access_token: whose.map(|whose| whose.token),
            };
            let mut before = Vec::new();
            for number in 1.. {
                self.keep_turn(round).await?;
                let page = self.events.page(&filter, number).await?;
                let (ids, last) = (ids(&page), page.last);
                let signals = ours(page, whose, (from, round.now), &mut tally);
                let new: Vec<Signal> =
                    signals.into_iter().filter(|it| met.insert(it.event_id.clone())).collect();
                self.weigh(round, new, &mut tally).await?;
                // Account by account, the sum is shown where it is made.
                if whose.is_none() {
                    self.progress.send_replace(tally);
                }
                if last {
                    break;
                }
                // The same page again: whoever answers does not know of pages.
                let again = !ids.is_empty() && ids == before;
                if again || number >= MAX_PAGES {
                    return Err(RoundError::Endless { pages: number });
                }
                before = ids;
            }
        }
        tally.repeated = tally.ours.saturating_sub(u64::try_from(met.len()).unwrap_or(u64::MAX));
        Ok(tally)
    }

    async fn keep_turn(&self, round: &Round) -> Result<(), RoundError> {
        // Each is a commit; a page takes far less than a turn.
        if round.dry_run || !round.turn_ages() {
            return Ok(());
        }
        let kept = self.store.take_turn(MARK, &self.worker, TURN).await?;
        kept.map(drop).ok_or(RoundError::Overtaken)
    }
}

fn ids(page: &EventsPage) -> Vec<EventId> {
    page.events.iter().map(|event| event.event_id.clone()).collect()
}

/// The signals on a page. An account asked for by itself need not be named by its events.
fn ours(
    page: EventsPage,
    whose: Option<&Whose<'_>>,
    (from, now): (Timestamp, Timestamp),
    tally: &mut Tally,
) -> Vec<Signal> {
    let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
    tally.pages += 1;
    tally.seen += count(page.events.len() + page.unreadable);
    tally.unreadable += count(page.unreadable);
    let mut signals = Vec::new();
    for mut event in page.events {
        if event.kind().is_none() {
            continue;
        }
        // Taken for as old as can be, it is applied, and is never newer than a repair.
        event.created_at.get_or_insert(from);
        if event.account_ref.is_none() {
            event.account_ref = whose.map(|whose| whose.account_ref.clone());
        }
        match event.signal(now) {
            Some(signal) => signals.push(signal),
            None => tally.unreadable += 1,
        }
    }
    tally.ours += count(signals.len());
    signals
}

/// Whether Cobalt refuses because no account was named, which its pages leave open. Wrong
/// credentials look the same, and are met again with the first account.
pub(super) fn wants_an_account(error: &CobaltError) -> bool {
    match error {
        CobaltError::LoginRequired { .. } => true,
        CobaltError::Refused { status, .. } => [400, 401, 403, 422].contains(status),
        CobaltError::Call { .. } | CobaltError::Unreadable { .. } | CobaltError::BadAccessToken => {
            false
        }
    }
}

/// Whether asking about this account again would be answered the same.
pub(super) fn is_final(error: &CobaltError) -> bool {
    match error {
        CobaltError::BadAccessToken => true,
        CobaltError::Refused { status, .. } => {
            (400..500).contains(status) && ![408, 425, 429].contains(status)
        }
        CobaltError::LoginRequired { .. }
        | CobaltError::Call { .. }
        | CobaltError::Unreadable { .. } => false,
    }
}
