//! `relink cases`: what is open, what happened to it, and closing it by hand.

use crate::args::{Cases, Common, Format};
use crate::command::operator;
use crate::failure::Failure;
use crate::output::{list, or_dash};
use crate::{output, parts};
use relink_core::id::{AccountRef, CaseId};
use relink_store::{CaseFilter, CaseHistory, Operated, OperatorAct, Store};

pub(crate) async fn run(common: &Common, what: Cases) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let store = parts::checked_store(&config).await?;
    match what {
        Cases::List { open, closed, account, limit } => {
            let filter = CaseFilter {
                open: if open { Some(true) } else { closed.then_some(false) },
                account_ref: account.as_deref().map(AccountRef::parse).transpose()?,
                limit,
                ..CaseFilter::default()
            };
            let cases = store.cases(&filter).await?;
            let header = ["case", "account", "kind", "state", "opened", "signals"];
            list(common.output, &cases, &header, |case| {
                let state = match (case.close_reason, case.hold) {
                    (Some(reason), _) => format!("closed: {reason}"),
                    (None, Some(hold)) => format!("held: {hold}"),
                    (None, None) => "open".to_owned(),
                };
                vec![
                    case.id.to_string(),
                    case.account_ref.to_string(),
                    case.kind.to_string(),
                    state,
                    case.opened_at.to_string(),
                    case.signals.to_string(),
                ]
            })
        }
        Cases::Show { case_id } => {
            let id: CaseId = case_id.parse()?;
            let history = store.case(id).await?;
            let history =
                history.ok_or_else(|| Failure::failed(format!("there is no case {id}")))?;
            show(common.output, &history)
        }
        Cases::Close { case_id } => close(store.as_ref(), case_id.parse()?).await,
        Cases::Hold { case_id } => {
            let id = case_id.parse()?;
            operate(store.as_ref(), &OperatorAct::HoldCase(id), id, "waits until released").await
        }
        Cases::Release { case_id } => {
            let id = case_id.parse()?;
            operate(store.as_ref(), &OperatorAct::ReleaseCase(id), id, "goes on").await
        }
    }
}

async fn close(store: &dyn Store, id: CaseId) -> Result<(), Failure> {
    let done = "closed; what was still planned is cancelled";
    operate(store, &OperatorAct::CloseCase(id), id, done).await
}

async fn operate(
    store: &dyn Store,
    act: &OperatorAct,
    id: CaseId,
    done: &str,
) -> Result<(), Failure> {
    match store.operate(&operator::current()?, act).await? {
        Operated::Done { head, .. } => {
            output::line(&format!("{id}: {done}"))?;
            operator::recorded(&head)
        }
        Operated::NothingToDo | Operated::CaseClosed | Operated::ReplayedBefore(_) => {
            Err(Failure::failed(format!("there is no case {id} in a state that this changes")))
        }
    }
}

/// A case with its timeline.
pub(crate) fn show(format: Format, history: &CaseHistory) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(history);
    }
    let case = &history.case;
    let state = case.close_reason.map_or_else(
        || case.hold.map_or_else(|| "open".to_owned(), |hold| format!("held: {hold}")),
        |reason| format!("closed: {reason}"),
    );
    output::line(&format!("case      {}", case.id))?;
    output::line(&format!("account   {}", output::visible(case.account_ref.as_str())))?;
    output::line(&format!("kind      {}{}", case.kind, error_type(case.error_type.as_deref())))?;
    output::line(&format!("state     {state}"))?;
    output::line(&format!("opened    {}", case.opened_at))?;
    output::line(&format!("expires   {}", case.expires_at))?;
    for (at, what) in timeline(history) {
        output::line(&format!("{at}  {}", output::visible(&what)))?;
    }
    Ok(())
}

fn error_type(word: Option<&str>) -> String {
    word.map_or_else(String::new, |word| format!(" ({})", output::visible(word)))
}

/// Everything that happened, oldest first.
fn timeline(history: &CaseHistory) -> Vec<(relink_core::Timestamp, String)> {
    let mut rows = Vec::new();
    for row in &history.signals {
        let (signal, result) = (&row.signal, row.result);
        rows.push((
            row.applied_at,
            format!("signal {} {} by {}: {result}", signal.event_id, signal.kind, signal.source),
        ));
    }
    for row in &history.attempts {
        let outcome = or_dash(row.outcome);
        let reason = or_dash(row.reason);
        let resolved =
            row.resolved_as.map_or_else(String::new, |kind| format!(", resolved as {kind}"));
        rows.push((
            row.started_at,
            format!(
                "step {} attempt {} by {} to {}: {outcome} ({reason}{resolved})",
                row.step, row.number, row.channel, row.address
            ),
        ));
    }
    for row in &history.non_sends {
        let step = row.step.as_ref().map_or_else(String::new, |step| format!("step {step} "));
        rows.push((row.at, format!("{step}{}: {}", row.decision, row.reason)));
    }
    for visit in &history.visits {
        let (step, way, visitor) = (visit.step, visit.way, visit.visitor);
        rows.push((visit.at, format!("{step} by {visitor} ({way})")));
    }
    for row in history.notifications.iter().filter(|row| !row.state.is_end()) {
        rows.push((row.due_at, format!("step {} by {}: {}", row.step, row.channel, row.state)));
    }
    if let (Some(at), Some(reason)) = (history.case.closed_at, history.case.close_reason) {
        rows.push((at, format!("closed: {reason}")));
    }
    rows.sort_by_key(|(at, _)| *at);
    rows
}
