//! `relink events`: what the customer's app is told, and telling it once more.

use crate::args::{Common, Events, Format};
use crate::command::operator;
use crate::failure::Failure;
use crate::output::{list, or_dash};
use crate::{output, parts};
use relink_core::id::AppEventId;
use relink_store::{AppDeliveryFilter, Operated, OperatorAct, Store};
use std::collections::BTreeSet;

/// Deliveries looked at in one go: replaying goes on until nothing is left.
const PAGE: usize = 500;

pub(crate) async fn run(common: &Common, what: Events) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let store = parts::checked_store(&config).await?;
    match what {
        Events::List { failed, json, limit } => {
            let format = if json { Format::Json } else { common.output };
            print(store.as_ref(), format, AppDeliveryFilter { failed, limit }).await
        }
        Events::Replay { id: Some(id), .. } => replay(store.as_ref(), id.parse()?).await,
        Events::Replay { id: None, .. } => replay_all(store.as_ref()).await,
    }
}

async fn print(
    store: &dyn Store,
    format: Format,
    filter: AppDeliveryFilter,
) -> Result<(), Failure> {
    let rows = store.app_deliveries(filter).await?;
    let header =
        ["event", "at", "type", "account", "endpoint", "state", "tries", "status", "last try"];
    list(format, &rows, &header, |row| {
        vec![
            row.event_id.to_string(),
            row.at.to_string(),
            row.kind.to_string(),
            row.account_ref.to_string(),
            row.endpoint.to_string(),
            row.state.to_string(),
            row.tries.to_string(),
            or_dash(row.last_status),
            or_dash(row.last_at),
        ]
    })
}

async fn replay(store: &dyn Store, id: AppEventId) -> Result<(), Failure> {
    match store.operate(&operator::current()?, &OperatorAct::ReplayEvent(id)).await? {
        Operated::Done { head, .. } => {
            output::line(&format!("{id}: is told once more"))?;
            operator::recorded(&head)
        }
        Operated::NothingToDo | Operated::CaseClosed | Operated::ReplayedBefore(_) => Err(
            Failure::failed(format!("there is no event {id}, or it is on its way to everybody")),
        ),
    }
}

/// Page by page: what is replayed is not listed as failed any more.
async fn replay_all(store: &dyn Store) -> Result<(), Failure> {
    let filter = AppDeliveryFilter { failed: true, limit: PAGE };
    let mut done = BTreeSet::new();
    loop {
        let rows = store.app_deliveries(filter).await?;
        let ids: BTreeSet<AppEventId> = rows.iter().map(|row| row.event_id).collect();
        // One that was given up again meanwhile waits for the next time that somebody asks.
        let new: Vec<AppEventId> = ids.difference(&done).copied().collect();
        if new.is_empty() {
            break;
        }
        for id in new {
            replay(store, id).await?;
            done.insert(id);
        }
    }
    output::line(&format!("{} events are told once more", done.len()))
}
