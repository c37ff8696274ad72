//! The connection for what neither publishes nor consumes: declaring, counting, and, over one of
//! its own, looking at the dead letters. One is kept and used by one task at a time, so that
//! counting every few seconds does not connect every few seconds.

use super::link::{Dialer, Link};
use crate::QueueError;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

pub(crate) struct Control {
    pub(crate) dialer: Arc<Dialer>,
    kept: Mutex<Option<Link>>,
}

/// The connection, in use. Dropped without [`InUse::keep`], it is closed: an answer that came too
/// late must not be taken for another's.
pub(crate) struct InUse<'a> {
    kept: MutexGuard<'a, Option<Link>>,
    pub(crate) link: Link,
}

impl InUse<'_> {
    /// All went well: the next one may use it.
    pub(crate) fn keep(mut self) {
        *self.kept = Some(self.link);
    }
}

impl Control {
    pub(crate) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer, kept: Mutex::new(None) }
    }

    /// The kept connection while it is good, else a new one, on which everything is declared.
    pub(crate) async fn link(&self) -> Result<InUse<'_>, QueueError> {
        let mut kept = self.kept.lock().await;
        let link = match kept.take().filter(Link::is_usable) {
            Some(link) => link,
            None => self.dialer.dial("control").await?,
        };
        Ok(InUse { kept, link })
    }
}
