//! Which roles a process has, and the commands that start one.

use crate::args::{Common, Duty};
use crate::failure::Failure;
use crate::ports::Ports;
use crate::process::Process;
use crate::{parts, stop, supervisor, telemetry};
use relink_config::{Config, Loaded, ProcessEnv, ProcessRole};

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) role: ProcessRole,
    pub(crate) receive: bool,
    pub(crate) duties: Vec<Duty>,
    pub(crate) web: bool,
}

const DUTIES: [Duty; 7] =
    [Duty::Plan, Duty::Schedule, Duty::Email, Duty::Sms, Duty::Upkeep, Duty::Reconcile, Duty::Tell];

impl Roles {
    pub(crate) fn all() -> Self {
        Self { role: ProcessRole::Run, receive: true, duties: DUTIES.to_vec(), web: true }
    }

    pub(crate) fn receive() -> Self {
        Self { role: ProcessRole::Receive, receive: true, duties: Vec::new(), web: false }
    }

    pub(crate) fn work(only: &[Duty]) -> Self {
        let duties = if only.is_empty() { DUTIES.to_vec() } else { only.to_vec() };
        Self { role: ProcessRole::Work, receive: false, duties, web: false }
    }

    pub(crate) fn web() -> Self {
        Self { role: ProcessRole::Web, receive: false, duties: Vec::new(), web: true }
    }

    pub(crate) fn has(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }

    pub(crate) fn needs_store(&self) -> bool {
        self.web || !self.duties.is_empty()
    }

    pub(crate) fn needs_queue(&self) -> bool {
        self.receive || !self.duties.is_empty()
    }

    /// Runs the roles with the configured parts until SIGTERM or SIGINT.
    pub(crate) async fn run(self, common: &Common, ports: Ports) -> Result<(), Failure> {
        let Loaded { config, warnings, path } =
            Config::load(common.config.as_deref(), &ProcessEnv)?;
        telemetry::start(&config.log)?;
        tracing::info!(file = %path.display(), "configuration read");
        for warning in warnings {
            tracing::warn!(key = warning.key, remedy = warning.remedy, "{}", warning.what);
        }
        parts::serves(&config, self.role)?;
        if self.duties == [Duty::Reconcile] && !config.cobalt.reconciles() {
            return Err(Failure::config(
                "nothing to do: cobalt.reconcile_every is \"0s\", or cobalt.client_id and cobalt.client_secret are not set",
            ));
        }
        if self.duties == [Duty::Tell] && config.rules().app.is_empty() {
            return Err(Failure::config(
                "nothing to do: there are no [[app.webhooks]], and app.exchange is false",
            ));
        }
        let stop = stop::on_signal()?;
        let process = Process::build(config, self, ports).await?;
        process.announce();
        let informing = tokio::spawn(supervisor::keep_informed(stop.clone()));
        let result = process.run(stop).await;
        informing.abort();
        result
    }
}
