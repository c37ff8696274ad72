//! What operators change at Cobalt, in the operator log: an entry before and one with the result
//! after, where the store can be had. It need not be: a first registration comes before a store,
//! and a secret that got out must not wait for one. That nothing is on record is then said.

use crate::command::operator;
use crate::failure::Failure;
use crate::{output, parts};
use relink_cobalt::WebhookId;
use relink_config::Config;
use relink_core::id::{OperatorId, SubjectId};
use relink_core::operator_log::{Act, Action, Head, SubjectKind};
use relink_store::Store;
use std::sync::Arc;

/// The operator log, where there is one.
pub(crate) enum Log {
    Kept(Arc<dyn Store>, OperatorId, Action),
    Missing,
}

impl Log {
    /// Says when there is none, and goes on.
    pub(crate) async fn open(config: &Config, action: Action) -> Result<Self, Failure> {
        let missing = |why: &str| {
            warn(why);
            Ok(Self::Missing)
        };
        if let relink_config::Store::Sqlite(file) = &config.store
            && !file.exists()
        {
            return missing("there is no store yet");
        }
        match parts::checked_store(config).await {
            Ok(store) => Ok(Self::Kept(store, operator::current()?, action)),
            Err(failure) => missing(failure.message()),
        }
    }

    pub(crate) async fn note(&self, subject: &str, phase: &str) -> Result<(), Failure> {
        if let Some(act) = self.act(subject)? {
            self.record(act.with("phase", phase)).await?;
        }
        Ok(())
    }

    /// How it ended; answers the end of the log. A store that fails by now must not hide what
    /// Cobalt has done.
    pub(crate) async fn result(
        &self,
        id: Option<&WebhookId>,
        done: bool,
    ) -> Result<Option<Head>, Failure> {
        let word = if done { "done" } else { "failed" };
        let subject = id.map_or("unnamed", WebhookId::as_str);
        let Some(act) = self.act(subject)? else { return Ok(None) };
        match self.record(act.with("phase", "result").with("result", word)).await {
            Ok(head) => Ok(head),
            Err(failure) => {
                warn(failure.message());
                Ok(None)
            }
        }
    }

    fn act(&self, subject: &str) -> Result<Option<Act>, Failure> {
        let Self::Kept(_, operator, action) = self else { return Ok(None) };
        let subject = SubjectId::parse(subject)?;
        Ok(Some(Act::new(operator, *action, SubjectKind::Webhook, subject)))
    }

    async fn record(&self, act: Act) -> Result<Option<Head>, Failure> {
        match self {
            Self::Kept(store, ..) => Ok(Some(store.record(&act).await?)),
            Self::Missing => Ok(None),
        }
    }
}

fn warn(why: &str) {
    output::warn(&format!("not in the operator log: {why}"));
}
