//! A SQLite store belongs to one machine. With RabbitMQ between the roles a worker could be started
//! on a second one, where it would take half the events into a database of its own. So the workers
//! of one store hold a claim on the broker: one process of a machine holds it, known by a lock
//! beside the database, and stands for the others there.

use crate::failure::Failure;
use crate::parts::OpenQueue;
use crate::roles::Roles;
use relink_config::{Config, Store};
use relink_queue::QueueError;
use relink_queue::rabbitmq::{GHOST, Ownership, RabbitQueue};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two tries to get a claim that somebody has, and two looks whether it is free.
const EVERY: Duration = Duration::from_secs(1);

/// The claim's name on the broker.
const WHAT: &str = "sqlite";

/// What keeps a second machine away.
pub(crate) struct OneHost {
    queue: Arc<RabbitQueue>,
    lock: PathBuf,
}

/// How things stand.
pub(crate) enum Claim {
    /// This process holds it, and the lock for it.
    Held(Box<Ownership>, File),
    /// Another process of this machine holds it.
    Beside,
    /// The broker cannot be asked, and so gives nobody anything to do.
    NoBroker,
}

impl OneHost {
    /// For a process that works on a SQLite store behind RabbitMQ.
    pub(crate) fn of(config: &Config, roles: &Roles, queue: Option<&OpenQueue>) -> Option<Self> {
        let (Store::Sqlite(database), Some(OpenQueue::Rabbit(queue))) = (&config.store, queue)
        else {
            return None;
        };
        let mut lock = database.clone().into_os_string();
        lock.push(".host");
        (!roles.duties.is_empty()).then(|| Self { queue: Arc::clone(queue), lock: lock.into() })
    }

    /// Gets the claim, waiting for as long as whoever has it may be a ghost.
    ///
    /// # Errors
    /// Another machine works with this broker.
    pub(crate) async fn claim(&self) -> Result<Claim, Failure> {
        let until = Instant::now() + GHOST + EVERY;
        let Some(file) = self.lock()? else { return Ok(Claim::Beside) };
        loop {
            match self.queue.own(WHAT).await {
                Ok(ownership) => return Ok(Claim::Held(Box::new(ownership), file)),
                Err(QueueError::Taken { why, .. }) if Instant::now() >= until => {
                    return Err(second_host(&why));
                }
                Err(QueueError::Taken { .. }) => {
                    tracing::warn!("another worker with a SQLite store uses this broker; waiting");
                }
                Err(error @ QueueError::Unreachable { .. }) => {
                    tracing::warn!(%error, "whether this machine works alone cannot be asked yet");
                    return Ok(Claim::NoBroker);
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Holds the claim until `stop`, and gets it again when it is lost.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub(crate) async fn keep(self, claim: Claim, stop: CancellationToken) -> Result<(), Failure> {
        let keeping = async {
            let mut claim = claim;
            loop {
                match claim {
                    Claim::Held(ownership, file) => {
                        let error = ownership.lost().await;
                        tracing::warn!(%error, "the claim to be the only machine may be lost");
                        drop(file);
                    }
                    Claim::Beside | Claim::NoBroker => tokio::time::sleep(EVERY).await,
                }
                claim = match self.claim().await {
                    Ok(claim) => claim,
                    Err(failure) => return failure,
                };
            }
        };
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            failure = keeping => Err(failure),
        }
    }

    /// The lock beside the database; `None` while another process of this machine has it.
    fn lock(&self) -> Result<Option<File>, Failure> {
        let trouble = |error: std::io::Error| {
            Failure::disk(format!("cannot lock {}: {error}", self.lock.display()))
        };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.lock);
        let file = file.map_err(trouble)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(trouble(error)),
        }
    }
}

fn second_host(why: &str) -> Failure {
    Failure::config(format!(
        "another machine already works with this broker and a SQLite store of its own, and each \
         would see only a part of the events: keep the workers on one machine, or give all of \
         them one PostgreSQL ([store] url = \"postgres://...\"); installations that have nothing \
         to do with each other need different queue.rabbitmq.prefix. The broker says: {why}"
    ))
}
