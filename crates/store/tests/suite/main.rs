//! One behaviour suite for both databases: each scenario is written once against the interface
//! and stamped onto SQLite and PostgreSQL. What holds for one and not for the other is a fault.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets what it did not expect must fail"
)]

mod accounts;
mod app_events;
mod audit;
mod close;
mod coming_back;
mod delivery;
mod doubt;
mod due;
mod feed;
mod grouped;
mod hold;
mod keys;
mod listed;
mod listing;
mod marks;
mod operators;
mod property;
mod put_off;
mod renewing;
mod schema;
mod signals;
mod steps;
mod time_zones;
mod world;

#[path = "../support/postgres.rs"]
#[expect(dead_code, reason = "the tests that break the server use the rest")]
mod postgres_server;

/// Stamps scenarios, `async fn(World)`, onto both databases.
macro_rules! on_both {
    ($($scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $scenario() {
                    super::$scenario(crate::world::World::on_sqlite().await).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $scenario() {
                    super::$scenario(crate::world::World::on_postgres().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_both;
