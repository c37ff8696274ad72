//! Flows 2 and 3: signals become cases, due notifications become attempts.
//!
//! Six duties, each a loop around one public step: [`plan`] applies signals, [`schedule`]
//! publishes what is due, [`deliver`] sends it ([`in_app`] is the one channel whose sender lives
//! here, since it asks nobody), [`upkeep`] expires cases and keeps the gauges, with
//! [`auto_replay`] beside it for what a broker buried for no fault of its own, [`recheck`] for what
//! people said is done and [`time_zones`] for when to reach them, [`reconcile`] asks Cobalt for what
//! no webhook brought, [`tell`] tells the customer's app what happens to its cases. [`probe`] asks
//! Cobalt whether accounts work.
//! Any number of workers may run: the store's leases and fences decide, never a lock here.
//! Nothing is ever sent whose intent could not be written first.

pub mod auto_replay;
pub mod circuit;
pub mod deliver;
pub mod depths;
pub mod in_app;
pub mod metrics;
pub mod outcomes;
pub mod plan;
pub mod probe;
pub mod recheck;
pub mod reconcile;
pub mod schedule;
pub mod tell;
pub mod time_zones;
pub mod upkeep;

mod ask_first;
mod patience;
mod record;

pub use metrics::Metrics;
