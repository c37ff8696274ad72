//! Account by account, for a Cobalt that lists no events account-wide. Its refusal to list those
//! of one account, because the login is broken, is as good as the event.

use super::listing::{Whose, is_final};
use super::{Reconciler, Round, RoundError, Tally};
use futures_util::future::join_all;
use relink_cobalt::CobaltError;
use relink_core::arrears::Subject;
use relink_core::id::AccountRef;
use relink_core::reconcile::{refusal_is_news, signal_of_refusal};
use relink_store::{CaseFilter, StoreError};

/// Accounts read from the store at once.
const PAGE: usize = 100;

/// Accounts asked about at once: less than half of the store's connections, since planning and
/// sending need them too.
const AT_ONCE: usize = 4;

/// Accounts asked about without any answer before the round is given up. More than a customer
/// loses at once, so that a block of accounts without a token hides nobody behind it.
const UNANSWERED: u64 = 500;

/// What asking about one account gave; `trouble` when it gave nothing.
struct Asked {
    tally: Tally,
    trouble: Option<RoundError>,
}

/// `trouble` again, unless not one of the accounts had an answer.
fn answered_at_all(
    total: &Tally,
    trouble: Option<RoundError>,
) -> Result<Option<RoundError>, RoundError> {
    let without = total.accounts_failed + total.accounts_refused;
    match trouble {
        Some(trouble) if without == total.accounts => {
            let source = Box::new(trouble);
            Err(RoundError::NoAccountAnswers { accounts: without, source })
        }
        trouble => Ok(trouble),
    }
}

impl Reconciler {
    /// Asks about every account, a few at a time.
    pub(super) async fn by_account(&self, round: &Round) -> Result<Tally, RoundError> {
        let mut total = Tally::default();
        let mut after: Option<AccountRef> = None;
        let mut last_trouble = None;
        loop {
            let accounts = self.store.accounts(after.as_ref(), PAGE).await?;
            let refs: Vec<AccountRef> =
                accounts.into_iter().map(|stored| stored.account.account_ref).collect();
            let Some(last) = refs.last() else {
                answered_at_all(&total, last_trouble)?;
                return Ok(total);
            };
            after = Some(last.clone());
            let mut page = Tally::default();
            let mut trouble = None;
            for few in refs.chunks(AT_ONCE) {
                for asked in join_all(few.iter().map(|whose| self.ask_about(round, whose))).await {
                    let asked = asked?;
                    page += asked.tally;
                    trouble = asked.trouble.or(trouble);
                }
                let mut shown = total;
                shown += page;
                self.progress.send_replace(shown);
            }
            total += page;
            last_trouble = trouble.or(last_trouble);
            // The fault is none of theirs: asking about all the others would be answered so too. A
            // key of ours that is missing says nothing of the others.
            let is_ours = matches!(last_trouble, Some(RoundError::Store(StoreError::Sealed(_))));
            if total.accounts >= UNANSWERED && !is_ours {
                last_trouble = answered_at_all(&total, last_trouble)?;
            }
        }
    }

    async fn ask_about(
        &self,
        round: &Round,
        account_ref: &AccountRef,
    ) -> Result<Asked, RoundError> {
        let mut tally = Tally::default();
        let token = match self.store.access_token(account_ref).await {
            Ok(Some(token)) => token,
            // Deleted a moment ago.
            Ok(None) => return Ok(Asked { tally, trouble: None }),
            Err(error @ StoreError::Sealed(_)) => {
                tally.accounts = 1;
                tally.accounts_refused = 1;
                round.fails(Subject::Account(account_ref.clone()), &error);
                return Ok(Asked { tally, trouble: Some(error.into()) });
            }
            Err(error) => return Err(error.into()),
        };
        tally.accounts = 1;
        match self.list(round, Some(&Whose { account_ref, token: &token })).await {
            Ok(listed) => tally += listed,
            Err(RoundError::Cobalt(CobaltError::LoginRequired { .. })) => {
                tally.accounts_broken = 1;
                self.take_refusal(round, account_ref, &mut tally).await?;
            }
            Err(RoundError::Cobalt(error)) => {
                let counter = match is_final(&error) {
                    true => &mut tally.accounts_refused,
                    false => &mut tally.accounts_failed,
                };
                *counter = 1;
                round.fails(Subject::Account(account_ref.clone()), &error);
                return Ok(Asked { tally, trouble: Some(error.into()) });
            }
            Err(error @ RoundError::Endless { .. }) => {
                tally.accounts_failed = 1;
                round.fails(Subject::Account(account_ref.clone()), &error);
                return Ok(Asked { tally, trouble: Some(error) });
            }
            Err(
                error @ (RoundError::Store(_)
                | RoundError::NoAccountAnswers { .. }
                | RoundError::Incomplete { .. }
                | RoundError::Overtaken),
            ) => return Err(error),
        }
        Ok(Asked { tally, trouble: None })
    }

    /// A refusal because the login is broken is a signal of its own, unless it is no news.
    async fn take_refusal(
        &self,
        round: &Round,
        account_ref: &AccountRef,
        tally: &mut Tally,
    ) -> Result<(), RoundError> {
        let latest = CaseFilter {
            account_ref: Some(account_ref.clone()),
            limit: 1,
            ..CaseFilter::default()
        };
        let cases = self.store.cases(&latest).await?;
        let last = cases.first();
        if !refusal_is_news(last, round.now) {
            return Ok(());
        }
        match signal_of_refusal(account_ref, last, round.now) {
            Ok(signal) => self.apply(round, &[signal], tally).await,
            Err(error) => {
                tracing::error!(%error, "a refusal cannot be told");
                Ok(())
            }
        }
    }
}
