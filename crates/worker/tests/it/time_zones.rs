//! Cobalt is asked where people are, a few accounts at a time, and only what is a zone counts.

use crate::support::*;
use relink_store::AccountStore as _;
use relink_worker::time_zones::TimeZones;
use std::sync::Arc;

async fn zone(world: &World, account: &str) -> Option<String> {
    world.store.account(&account.parse().unwrap()).await.unwrap().unwrap().time_zone
}

#[tokio::test]
async fn what_cobalt_names_counts_if_it_is_a_zone() {
    let world = World::new().await;
    let cobalt = Arc::<FakeCobalt>::default();
    let zones = TimeZones { store: world.shared(), prober: world.prober(&cobalt) };
    for (account, named, kept) in [
        ("a", Some("America/New_York"), Some("America/New_York")),
        ("b", Some("Mars/Base"), None),
        ("c", None, None),
    ] {
        world.register_with(account, account).await;
        cobalt.say(account, Says::Works);
        cobalt.names_zone(named);
        assert_eq!(zones.round().await.unwrap(), 1);
        assert_eq!(zone(&world, account).await.as_deref(), kept, "{account}");
    }
    assert_eq!(zones.round().await.unwrap(), 0, "each has been asked about");
}

#[tokio::test]
async fn a_round_is_small_and_what_is_not_answered_comes_again() {
    let world = World::new().await;
    let cobalt = Arc::<FakeCobalt>::default();
    let zones = TimeZones { store: world.shared(), prober: world.prober(&cobalt) };
    for account in ["a", "b", "c", "d", "e", "f"] {
        world.register_with(account, account).await;
        cobalt.say(account, Says::Works);
    }
    cobalt.names_zone(Some("Europe/Berlin"));
    cobalt.say_to_all(Some(Says::Status(503)));
    assert_eq!(zones.round().await.unwrap(), 4);
    // The breaker has opened: no more calls than that.
    assert_eq!(zones.round().await.unwrap(), 2);
    assert_eq!(cobalt.asked().len(), 3);
    cobalt.say_to_all(None);
    world.advance(DAY);
    let zones = TimeZones { store: world.shared(), prober: world.prober(&cobalt) };
    assert_eq!((zones.round().await.unwrap(), zones.round().await.unwrap()), (4, 2));
    for account in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(zone(&world, account).await.as_deref(), Some("Europe/Berlin"));
    }
}
