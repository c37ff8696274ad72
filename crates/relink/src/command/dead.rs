//! `relink dead`: buried messages of the queue, and notifications that need an operator. How
//! they are given back is in `replay`.

use crate::args::{Common, Dead, Format};
use crate::command::replay;
use crate::failure::Failure;
use crate::output::{list, or_dash};
use crate::{output, parts};
use relink_config::Config;
use relink_core::id::NotificationId;
use relink_core::notification::Notification;
use relink_queue::{DeadLetter, DeadLetters};
use relink_store::Store;
use serde::Serialize;

/// One line of the list, whatever kind it is.
#[derive(Serialize)]
struct Row {
    id: String,
    what: &'static str,
    place: String,
    reason: String,
    since: String,
    about: String,
}

pub(crate) async fn run(common: &Common, what: Dead) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let letters = parts::dead_letters(&config)?;
    match what {
        Dead::List { limit } => print(common, &config, letters.as_ref(), limit).await,
        Dead::Show { id } => show(common, &config, letters.as_ref(), &id).await,
        Dead::Replay(what) => {
            let store = parts::checked_store(&config).await?;
            replay::run(letters.as_ref(), store.as_ref(), &what).await
        }
        Dead::Discard { id } => {
            let store = parts::checked_store(&config).await?;
            replay::discard(letters.as_ref(), store.as_ref(), &id).await
        }
    }
}

async fn print(
    common: &Common,
    config: &Config,
    letters: &dyn DeadLetters,
    limit: usize,
) -> Result<(), Failure> {
    let mut rows: Vec<Row> = letters.list(limit).await?.iter().map(letter_row).collect();
    // The letters are worth showing although the store is away: that is when people look.
    let notifications = match parts::checked_store(config).await {
        Ok(store) => store.dead_notifications(limit).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let missing = match notifications {
        Ok(notifications) => {
            rows.extend(notifications.iter().map(notification_row));
            None
        }
        Err(failure) => Some(failure),
    };
    let header = ["id", "what", "from", "reason", "since", "about"];
    list(common.output, &rows, &header, |row| {
        vec![
            row.id.clone(),
            row.what.to_owned(),
            row.place.clone(),
            row.reason.clone(),
            row.since.clone(),
            row.about.clone(),
        ]
    })?;
    missing.map_or(Ok(()), Err)
}

fn letter_row(letter: &DeadLetter) -> Row {
    Row {
        id: letter.id.clone(),
        what: "message",
        place: or_dash(letter.topic),
        reason: letter.reason.clone(),
        since: or_dash(letter.died_at),
        about: letter.message_id.clone(),
    }
}

fn notification_row(row: &Notification) -> Row {
    Row {
        id: row.id.to_string(),
        what: "notification",
        place: format!("{} {}", row.channel, row.step),
        reason: or_dash(row.reason),
        since: row.due_at.to_string(),
        about: row.account_ref.to_string(),
    }
}

pub(crate) async fn letter(
    letters: &dyn DeadLetters,
    id: &str,
) -> Result<Option<DeadLetter>, Failure> {
    Ok(letters.list(usize::MAX).await?.into_iter().find(|letter| letter.id == id))
}

async fn dead_notification(store: &dyn Store, id: &str) -> Result<Option<Notification>, Failure> {
    let Ok(id) = id.parse::<NotificationId>() else { return Ok(None) };
    Ok(store.dead_notifications(usize::MAX).await?.into_iter().find(|row| row.id == id))
}

pub(crate) fn no_such(id: &str) -> Failure {
    Failure::failed(format!("nothing dead is called {id}; `relink dead list` shows what there is"))
}

async fn show(
    common: &Common,
    config: &Config,
    letters: &dyn DeadLetters,
    id: &str,
) -> Result<(), Failure> {
    if let Some(letter) = letter(letters, id).await? {
        return match common.output {
            Format::Json => output::json(&LetterView::from(&letter)),
            Format::Table => print_letter(&letter),
        };
    }
    let store = parts::checked_store(config).await?;
    match dead_notification(store.as_ref(), id).await? {
        Some(row) => output::json(&row),
        None => Err(no_such(id)),
    }
}

#[derive(Serialize)]
struct LetterView {
    #[serde(flatten)]
    row: Row,
    /// Whether a worker replayed it by itself before.
    auto_replayed: bool,
    /// The body as text, damaged places replaced.
    body: String,
    /// The body to the byte.
    body_hex: String,
}

impl From<&DeadLetter> for LetterView {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            row: letter_row(letter),
            auto_replayed: letter.auto_replayed,
            body: String::from_utf8_lossy(&letter.body).into_owned(),
            body_hex: letter.body.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

fn print_letter(letter: &DeadLetter) -> Result<(), Failure> {
    let row = letter_row(letter);
    output::line(&format!("id        {}", row.id))?;
    output::line(&format!("from      {}", row.place))?;
    output::line(&format!("message   {}", output::visible(&row.about)))?;
    output::line(&format!("reason    {}", output::visible(&row.reason)))?;
    output::line(&format!("since     {}", row.since))?;
    if letter.auto_replayed {
        output::line("replayed  once, by a worker")?;
    }
    output::line(&format!("body      {} bytes", letter.body.len()))?;
    output::line(&output::visible(&String::from_utf8_lossy(&letter.body)))
}
