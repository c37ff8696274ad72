//! What a role needs beyond a valid file: the same file serves every role, and only the process
//! that is started knows which one it is.

use crate::Problem;
use crate::types::{Config, Queue};
use std::net::SocketAddr;

/// The roles a process can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessRole {
    /// `relink run`: every role in one process.
    Run,
    /// `relink receive`.
    Receive,
    /// `relink work`.
    Work,
    /// `relink web`.
    Web,
}

impl Config {
    /// Why this configuration does not serve a process of `role`; empty when it does.
    pub fn check_role(&self, role: ProcessRole) -> Vec<Problem> {
        let alone = match role {
            ProcessRole::Receive => self.needs_a_shared_queue("relink receive"),
            ProcessRole::Work => self.needs_a_shared_queue("relink work"),
            ProcessRole::Run | ProcessRole::Web => None,
        };
        let unsigned = match role {
            // Without webhooks one process can still ask Cobalt; a receiver has nothing else.
            ProcessRole::Run if self.cobalt.reconciles() => None,
            ProcessRole::Run | ProcessRole::Receive => self.needs_a_webhook_secret(),
            ProcessRole::Work | ProcessRole::Web => None,
        };
        alone.into_iter().chain(unsigned).chain(self.same_listeners(role)).collect()
    }

    fn needs_a_shared_queue(&self, command: &str) -> Option<Problem> {
        match self.queue {
            Queue::RabbitMq(_) => None,
            Queue::Embedded => Some(problem(
                "queue.kind",
                &format!(
                    "is \"embedded\", which belongs to one process: {command} would hand over to nobody"
                ),
                "start everything with `relink run`, or set kind = \"rabbitmq\"",
            )),
        }
    }

    fn needs_a_webhook_secret(&self) -> Option<Problem> {
        self.cobalt.webhook_secrets.is_empty().then(|| {
            problem(
                "cobalt.webhook_secrets",
                "is empty: every webhook would be refused, and Cobalt does not send it again",
                "add [[cobalt.webhook_secrets]] with id = \"current\" and secret = { env = \"COBALT_WEBHOOK_SECRET\" }",
            )
        })
    }

    fn same_listeners(&self, role: ProcessRole) -> Option<Problem> {
        let receiver = ("receiver.listen", self.receiver.listen);
        let web = ("web.listen", self.web.listen);
        let admin = ("admin.listen", self.admin.listen);
        let listeners: &[(&str, SocketAddr)] = match role {
            ProcessRole::Run => &[receiver, web, admin],
            ProcessRole::Receive => &[receiver, admin],
            ProcessRole::Work => &[admin],
            ProcessRole::Web => &[web, admin],
        };
        listeners.iter().enumerate().find_map(|(n, (key, address))| {
            let (other, _) = listeners
                .iter()
                .take(n)
                .find(|(_, taken)| taken == address && address.port() != 0)?;
            let what = format!("is {address}, which {other} takes too");
            Some(problem(key, &what, "give each its own port"))
        })
    }
}

fn problem(key: &str, what: &str, remedy: &str) -> Problem {
    Problem {
        key: key.to_owned(),
        line: None,
        value: None,
        what: what.to_owned(),
        remedy: remedy.to_owned(),
    }
}
