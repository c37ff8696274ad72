//! `relink accounts link-id`: every account gets its name at Cobalt, so that Cobalt's webhooks name
//! it as this store does. Each account ends in one of three ways, and all of them are told.

use crate::args::Format;
use crate::command::operator;
use crate::failure::{Failure, chain};
use crate::output;
use crate::progress::Progress;
use relink_cobalt::{CobaltClient, CobaltError};
use relink_core::id::{AccountRef, OperatorId, SubjectId};
use relink_core::masked::Secret;
use relink_core::operator_log::{Act, Action, SubjectKind};
use relink_store::{Store, StoreError};
use serde::Serialize;

/// Accounts read at once.
const BATCH: usize = 500;

/// So many accounts in a row without Cobalt's answer, and it is not asked about the rest: each
/// would take its deadline.
const PATIENCE: usize = 5;

/// Which accounts.
pub(crate) enum Which {
    /// These, as typed.
    These(Vec<String>),
    /// Every registered one.
    All,
}

/// How one account ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
enum End {
    Set,
    AlreadySet,
    Failed {
        why: String,
        /// Cobalt is away or busy: nothing about this account.
        #[serde(skip)]
        away: bool,
    },
}

#[derive(Serialize)]
struct Row {
    account_ref: String,
    #[serde(flatten)]
    end: End,
}

/// What the run came to.
#[derive(Serialize)]
struct Linked {
    set: usize,
    already_set: usize,
    failed: usize,
    /// Left when Cobalt no longer answered.
    not_asked: usize,
    accounts: Vec<Row>,
}

pub(crate) async fn run(
    format: Format,
    store: &dyn Store,
    cobalt: &CobaltClient,
    which: Which,
) -> Result<(), Failure> {
    let named = matches!(which, Which::These(_));
    let accounts = accounts(store, which).await?;
    let operator = operator::current()?;
    let bar = Progress::new(accounts.len() as u64, "accounts");
    let (mut rows, mut away) = (Vec::new(), 0);
    for account in &accounts {
        let end = link(store, cobalt, &operator, account).await?;
        away = if matches!(end, End::Failed { away: true, .. }) { away + 1 } else { 0 };
        rows.push(Row { account_ref: account.to_string(), end });
        bar.advance(1);
        if away == PATIENCE {
            break;
        }
    }
    bar.end();
    let linked = summed(rows, accounts.len());
    match format {
        Format::Json => output::json(&linked)?,
        Format::Table => say(&linked, named)?,
    }
    judge(&linked)
}

async fn accounts(store: &dyn Store, which: Which) -> Result<Vec<AccountRef>, Failure> {
    let mut refs = Vec::new();
    match which {
        Which::These(typed) => {
            for text in typed {
                refs.push(AccountRef::parse(&text)?);
            }
        }
        Which::All => loop {
            let page = store.accounts(refs.last(), BATCH).await?;
            let full = page.len() == BATCH;
            refs.extend(page.into_iter().map(|stored| stored.account.account_ref));
            if !full {
                break;
            }
        },
    }
    Ok(refs)
}

/// Looks first, and sets what is not set. Only a store that fails stops the run.
async fn link(
    store: &dyn Store,
    cobalt: &CobaltClient,
    operator: &OperatorId,
    account: &AccountRef,
) -> Result<End, Failure> {
    let token = match store.access_token(account).await {
        Ok(Some(token)) => token,
        Ok(None) => return Ok(failed("there is no such account")),
        Err(error @ StoreError::Sealed(_)) => return Ok(failed(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    match cobalt.settings(&token).await {
        Ok(Some(settings)) if settings.account_ref.as_ref() == Some(account) => {
            return Ok(End::AlreadySet);
        }
        Ok(Some(_) | None) => {}
        Err(error) => return Ok(refused(error)),
    }
    let subject = SubjectId::parse(account.as_str())?;
    let act = Act::new(operator, Action::AccountLinkId, SubjectKind::Account, subject);
    store.record(&act.with("phase", "intent")).await?;
    Ok(set(cobalt, &token, account).await)
}

async fn set(cobalt: &CobaltClient, token: &Secret, account: &AccountRef) -> End {
    match cobalt.set_account_ref(token, account).await {
        Ok(echo) => echoed(echo.as_deref(), account),
        Err(error) => refused(error),
    }
}

/// Cobalt repeats the name, or says nothing about it; anything else is not what was asked for.
fn echoed(echo: Option<&str>, account: &AccountRef) -> End {
    match echo {
        None => End::Set,
        Some(echo) if echo == account.as_str() => End::Set,
        Some(_) => failed("Cobalt took it and answered with another name"),
    }
}

fn failed(why: impl Into<String>) -> End {
    End::Failed { why: why.into(), away: false }
}

fn refused(error: CobaltError) -> End {
    let why = chain(&error);
    End::Failed { why, away: Failure::from(error).is_unavailable() }
}

fn summed(accounts: Vec<Row>, wanted: usize) -> Linked {
    let count = |is: fn(&End) -> bool| accounts.iter().filter(|row| is(&row.end)).count();
    Linked {
        set: count(|end| matches!(end, End::Set)),
        already_set: count(|end| matches!(end, End::AlreadySet)),
        failed: count(|end| matches!(end, End::Failed { .. })),
        not_asked: wanted.saturating_sub(accounts.len()),
        accounts,
    }
}

/// Of many accounts only those that are not set have a line of their own.
fn say(linked: &Linked, named: bool) -> Result<(), Failure> {
    for Row { account_ref, end } in &linked.accounts {
        let account = output::visible(account_ref);
        match end {
            End::Set if named => output::line(&format!("{account}: set"))?,
            End::AlreadySet if named => output::line(&format!("{account}: already set"))?,
            End::Set | End::AlreadySet => {}
            End::Failed { why, .. } => {
                output::line(&format!("{account}: failed: {}", output::visible(why)))?;
            }
        }
    }
    let Linked { set, already_set, failed, not_asked, .. } = linked;
    let rest = match not_asked {
        0 => String::new(),
        _ => format!(", {not_asked} not asked about"),
    };
    output::line(&format!("{set} set, {already_set} already set, {failed} failed{rest}"))
}

fn judge(linked: &Linked) -> Result<(), Failure> {
    let Linked { failed, not_asked, .. } = linked;
    match (failed, not_asked) {
        (0, 0) => Ok(()),
        (_, 1..) => Err(Failure::unavailable(format!(
            "Cobalt did not answer {PATIENCE} times in a row; run it again once it does: what is set stays set"
        ))),
        (failed, _) => {
            let all_away = linked.accounts.iter().all(|row| match &row.end {
                End::Set | End::AlreadySet => true,
                End::Failed { away, .. } => *away,
            });
            let message = format!("{failed} accounts are not set");
            Err(if all_away { Failure::unavailable(message) } else { Failure::failed(message) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_itself_or_silence_counts_as_set() {
        let account: AccountRef = "clinic_1".parse().unwrap();
        assert_eq!(echoed(Some("clinic_1"), &account), End::Set);
        assert_eq!(echoed(None, &account), End::Set);
        for other in ["clinic_2", "", "CLINIC_1"] {
            assert!(matches!(echoed(Some(other), &account), End::Failed { away: false, .. }));
        }
    }

    #[test]
    fn the_exit_code_says_whether_all_are_set_and_whether_waiting_helps() {
        let away = || End::Failed { why: "w".into(), away: true };
        let ends = |ends: Vec<End>, wanted| {
            let rows = ends.into_iter().map(|end| Row { account_ref: "a".into(), end });
            let linked = summed(rows.collect(), wanted);
            judge(&linked).map_err(|failure| failure.is_unavailable())
        };
        assert_eq!(ends(vec![End::Set, End::AlreadySet], 2), Ok(()));
        assert_eq!(ends(vec![], 0), Ok(()));
        assert_eq!(ends(vec![End::Set, failed("w")], 2), Err(false));
        assert_eq!(ends(vec![away(), failed("w")], 2), Err(false));
        assert_eq!(ends(vec![End::Set, away()], 2), Err(true));
        assert_eq!(ends(vec![failed("w"), away()], 9), Err(true));
    }
}
