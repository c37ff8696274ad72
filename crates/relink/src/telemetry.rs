//! Log lines, to standard error. Libraries that would print what must not be seen are silenced
//! here whatever the filter says: lapin warns with a whole returned message.

use crate::failure::Failure;
use relink_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging.
///
/// # Errors
/// The filter is not a filter, or logging was started before.
pub(crate) fn start(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&log.filter)
        .map_err(|error| Failure::config(format!("log.filter = \"{}\": {error}", log.filter)))?;
    let never =
        Targets::new().with_default(LevelFilter::TRACE).with_target("lapin", LevelFilter::ERROR);
    let registry = tracing_subscriber::registry().with(filter).with(never);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Pretty => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(lines.with_ansi(colours).with_target(false)).try_init()
        }
        LogFormat::Json => {
            registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init()
        }
    };
    started.map_err(|error| Failure::failed(format!("cannot start logging: {error}")))
}
