//! Giving back what is dead, bounded and on record. A notification is planned again in one
//! transaction with its entry in the operator log; a message of the queue has an entry before it
//! is touched and one with the result after, so that neither act can go unrecorded.

use crate::args::Replay;
use crate::command::dead::{letter, no_such};
use crate::command::operator;
use crate::failure::Failure;
use crate::output;
use relink_core::id::{NotificationId, OperatorId, SubjectId};
use relink_core::operator_log::{Act, Action, SubjectKind};
use relink_queue::{DeadLetters, QueueError};
use relink_store::{Operated, OperatorAct, Store};

/// One dead thing.
enum Target {
    Letter(String),
    Notification(NotificationId),
}

/// What became of one.
enum Outcome {
    Done(String),
    /// Left alone, and why.
    Left(String),
}

pub(crate) async fn run(
    letters: &dyn DeadLetters,
    store: &dyn Store,
    what: &Replay,
) -> Result<(), Failure> {
    let targets = match &what.id {
        Some(id) => vec![named(letters, id).await?],
        None => oldest(letters, store, usize::from(what.max)).await?,
    };
    if what.dry_run {
        for target in &targets {
            output::line(&format!("would replay {}", target.describe()))?;
        }
        return output::line(&format!("{} would be replayed; nothing was done", targets.len()));
    }
    let operator = operator::current()?;
    let (mut done, mut left) = (0, 0);
    for target in &targets {
        match target.replay(letters, store, &operator).await? {
            Outcome::Done(said) => {
                done += 1;
                output::line(&said)?;
            }
            // One that was asked for by name and not done is a failure; among many it is a line.
            Outcome::Left(why) if what.id.is_some() => return Err(Failure::failed(why)),
            Outcome::Left(why) => {
                left += 1;
                output::line(&why)?;
            }
        }
    }
    if what.all {
        output::line(&format!("{done} replayed, {left} left alone"))?;
    }
    Ok(())
}

/// Removes a buried message for good.
pub(crate) async fn discard(
    letters: &dyn DeadLetters,
    store: &dyn Store,
    id: &str,
) -> Result<(), Failure> {
    if letter(letters, id).await?.is_none() {
        return Err(no_such(id));
    }
    let act = letter_act(&operator::current()?, Action::DeadDiscard, id)?;
    recorded(store, &act, letters.discard(id)).await?;
    output::line(&format!("discarded {id}"))
}

async fn named(letters: &dyn DeadLetters, id: &str) -> Result<Target, Failure> {
    if letter(letters, id).await?.is_some() {
        return Ok(Target::Letter(id.to_owned()));
    }
    id.parse().map(Target::Notification).map_err(|_| no_such(id))
}

async fn oldest(
    letters: &dyn DeadLetters,
    store: &dyn Store,
    max: usize,
) -> Result<Vec<Target>, Failure> {
    let mut targets: Vec<Target> =
        letters.list(max).await?.into_iter().map(|letter| Target::Letter(letter.id)).collect();
    let room = max.saturating_sub(targets.len());
    let dead = store.dead_notifications(room).await?;
    targets.extend(dead.into_iter().map(|row| Target::Notification(row.id)));
    Ok(targets)
}

impl Target {
    fn describe(&self) -> String {
        match self {
            Self::Letter(id) => format!("message {}", output::visible(id)),
            Self::Notification(id) => format!("notification {id}"),
        }
    }

    async fn replay(
        &self,
        letters: &dyn DeadLetters,
        store: &dyn Store,
        operator: &OperatorId,
    ) -> Result<Outcome, Failure> {
        match self {
            Self::Letter(id) => {
                let act = letter_act(operator, Action::DeadReplay, id)?;
                recorded(store, &act, letters.replay(id)).await?;
                Ok(Outcome::Done(format!("{id} is back in its queue")))
            }
            Self::Notification(id) => notification(store, operator, *id).await,
        }
    }
}

async fn notification(
    store: &dyn Store,
    operator: &OperatorId,
    id: NotificationId,
) -> Result<Outcome, Failure> {
    Ok(match store.operate(operator, &OperatorAct::Replay(id)).await? {
        Operated::Done { head, planned } => {
            let planned = planned.map_or_else(String::new, |planned| format!(" as {planned}"));
            Outcome::Done(format!(
                "{id} is planned again{planned}; the gate decides whether it is still wanted\n\
                 operator log: {head}"
            ))
        }
        Operated::ReplayedBefore(planned) => {
            Outcome::Left(format!("{id} was replayed before, as {planned}"))
        }
        Operated::CaseClosed => {
            Outcome::Left(format!("{id} is left alone: its case is closed, nobody needs to hear"))
        }
        Operated::NothingToDo => Outcome::Left(format!(
            "nothing dead is called {id}; `relink dead list` shows what there is"
        )),
    })
}

fn letter_act(operator: &OperatorId, action: Action, id: &str) -> Result<Act, Failure> {
    Ok(Act::new(operator, action, SubjectKind::Letter, SubjectId::parse(id)?))
}

/// Does something to the queue between two entries: what is meant, and how it ended.
async fn recorded(
    store: &dyn Store,
    act: &Act,
    doing: impl Future<Output = Result<(), QueueError>>,
) -> Result<(), Failure> {
    store.record(&act.clone().with("phase", "intent")).await?;
    let done = doing.await;
    let word = if done.is_ok() { "done" } else { "failed" };
    let result = act.clone().with("phase", "result").with("result", word);
    let noted = store.record(&result).await;
    done?;
    operator::recorded(&noted?)
}
