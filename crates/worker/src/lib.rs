//! Flows 2 and 3: signals become cases, due notifications become attempts.
//!
//! Six duties, each a loop around one public step: [`plan`] applies signals, [`schedule`]
//! publishes what is due, [`deliver`] sends it, [`upkeep`] expires cases and keeps the gauges, with
//! [`auto_replay`] beside it for what a broker buried for no fault of its own, [`reconcile`] asks
//! Cobalt for what no webhook brought, [`tell`] tells the customer's app what happens to its cases.
//! Any number of workers may run: the store's leases and fences decide, never a lock here.
//! Nothing is ever sent whose intent could not be written first.

pub mod auto_replay;
pub mod circuit;
pub mod deliver;
pub mod depths;
pub mod metrics;
pub mod outcomes;
pub mod plan;
pub mod reconcile;
pub mod schedule;
pub mod tell;
pub mod upkeep;

mod patience;
mod record;

pub use metrics::Metrics;
