//! What the scenarios share: a private corner of the test servers, real processes of the real
//! program, a pretend world around them, and a sender that signs as Cobalt does.
//!
//! The servers come from `scripts/test`, which names them in `RELINK_TEST_AMQP_URL` and
//! `RELINK_TEST_POSTGRES_URL`. A server that is missing fails the test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test support: whatever goes wrong here fails the test at once, by its own words"
)]

mod api;
#[path = "../../crates/worker/tests/it/support/app.rs"]
mod app;
mod audit;
mod browser;
mod cgroup;
mod checker;
mod clock;
mod cluster;
mod corner;
#[path = "../../crates/receiver/tests/it/support/corpus.rs"]
mod corpus;
mod deploy;
mod host_app;
mod ledger;
mod load;
mod memory;
mod names;
mod namespace;
mod packet_filter;
mod page_report;
mod private;
mod process;
mod proxy;
mod signed;
mod small_disk;
mod stage;
mod stall;
mod wait;

pub use api::Api;
pub use app::{APP_SECRET, App, Heard, Reply};
pub use browser::{Browser, Screen};
pub use cgroup::{Cgroup, Controller};
pub use checker::Verdict;
pub use clock::FakeClock;
pub use cluster::Cluster;
pub use corner::{Corner, Engines, Servers, postgres_address};
pub use deploy::ONE_STEP;
pub use host_app::HostApp;
pub use ledger::{Ledger, Told};
pub use load::{Channels, Load, Rate, account};
pub use memory::ScarceMemory;
pub use names::Names;
pub use namespace::isolated;
pub use packet_filter::PacketFilter;
pub use page_report::{Finding, Loaded, accessibility, loaded};
pub use private::{PrivateBroker, PrivatePostgres, private_servers};
pub use process::{Relink, Supervision, raise_file_limit, relink_binary};
pub use proxy::{Proxy, Toxic, Toxics};
pub use signed::{
    Sender, WEBHOOK_SECRET, login_required, login_required_at, malformed_requests, post_alone,
};
pub use small_disk::SmallDisk;
pub use stage::{Actor, Setup, Stage};
pub use stall::Stall;
pub use wait::{eventually, within};
