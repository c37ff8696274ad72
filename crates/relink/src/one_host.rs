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
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two tries to get a claim that somebody has, and two looks whether it is free.
const EVERY: Duration = Duration::from_secs(1);

/// The claim's name on the broker.
const WHAT: &str = "sqlite";

/// What the lock file says while its holder holds the claim too, and not only waits for it.
const HELD: &[u8] = b"held";

/// What keeps a second machine away.
pub(crate) struct OneHost {
    queue: Arc<RabbitQueue>,
    lock: PathBuf,
}

/// Why this process may work.
enum Claim {
    /// It holds the claim, and the lock for it.
    Held(Box<Ownership>, File),
    /// Another process of this machine does.
    Beside,
}

/// How one try went.
enum Try {
    Got(Claim),
    /// Another connection has the claim, or a dead one still seems to.
    Taken(String),
    /// The broker did not answer, and so gives nobody anything to do.
    Unanswered(QueueError),
    /// Another process of this machine is asking.
    Waiting,
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

    /// Gets the claim, gives `go` once it has it, and holds it until `stop`. Nothing may be taken
    /// from the broker before `go`. A claim that is lost is got again.
    ///
    /// # Errors
    /// Another machine works with this broker.
    pub(crate) async fn keep(
        self,
        go: CancellationToken,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let keeping = async {
            loop {
                match self.claim().await {
                    Ok(Claim::Held(ownership, file)) => {
                        go.cancel();
                        let error = ownership.lost().await;
                        tracing::warn!(%error, "the claim to be the only machine may be lost");
                        // Whoever locks it next empties it too.
                        let _ = file.set_len(0);
                    }
                    Ok(Claim::Beside) => {
                        go.cancel();
                        tokio::time::sleep(EVERY).await;
                    }
                    Err(failure) => return failure,
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            failure = keeping => Err(failure),
        }
    }

    /// Waits for the claim: for the broker as long as it takes, and for another holder as long as
    /// that one may be a ghost.
    async fn claim(&self) -> Result<Claim, Failure> {
        let (mut taken_since, mut unanswered) = (None, false);
        loop {
            match self.attempt().await? {
                Try::Got(claim) => return Ok(claim),
                Try::Taken(why) => {
                    let since = *taken_since.get_or_insert_with(|| {
                        tracing::warn!(
                            "another worker with a SQLite store uses this broker; waiting"
                        );
                        Instant::now()
                    });
                    if since.elapsed() >= GHOST + EVERY {
                        return Err(second_host(&why));
                    }
                }
                Try::Unanswered(error) => {
                    taken_since = None;
                    if !unanswered {
                        tracing::warn!(%error, "whether this machine works alone cannot be asked yet");
                    }
                    unanswered = true;
                }
                Try::Waiting => {}
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn attempt(&self) -> Result<Try, Failure> {
        let Some(mut file) = self.lock()? else {
            let held = std::fs::read(&self.lock).is_ok_and(|said| said == HELD);
            return Ok(if held { Try::Got(Claim::Beside) } else { Try::Waiting });
        };
        file.set_len(0).map_err(|error| self.trouble(&error))?;
        match self.queue.own(WHAT).await {
            Ok(ownership) => {
                file.write_all(HELD).map_err(|error| self.trouble(&error))?;
                Ok(Try::Got(Claim::Held(Box::new(ownership), file)))
            }
            Err(QueueError::Taken { why, .. }) => Ok(Try::Taken(why)),
            Err(error @ QueueError::Unreachable { .. }) => Ok(Try::Unanswered(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// The lock beside the database; `None` while another process of this machine has it.
    fn lock(&self) -> Result<Option<File>, Failure> {
        if let Some(folder) = self.lock.parent() {
            std::fs::create_dir_all(folder).map_err(|error| self.trouble(&error))?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.lock);
        let file = file.map_err(|error| self.trouble(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.trouble(&error)),
        }
    }

    fn trouble(&self, error: &std::io::Error) -> Failure {
        Failure::disk(format!("cannot lock {}: {error}", self.lock.display()))
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
