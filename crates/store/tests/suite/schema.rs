//! The schema is brought up once, by whoever comes first, and a newer one is left alone.

use crate::on_both;
use crate::world::{World, keys, rules};
use relink_store::StoreError;

const ALL: [&str; 8] = [
    "0001_initial",
    "0002_marks",
    "0003_audit",
    "0004_compatibility",
    "0005_arrears",
    "0006_coming_back",
    "0007_zones_wanted",
    "0008_app_events",
];

async fn migrating_twice_applies_once(world: World) {
    let fresh = world.unmigrated().await;
    let error = fresh.store.check().await.unwrap_err();
    assert!(matches!(&error, StoreError::Schema(why) if why.contains("relink migrate")), "{error}");
    assert_eq!(fresh.store.migrate().await.unwrap(), ALL);
    assert!(fresh.store.migrate().await.unwrap().is_empty());
    fresh.store.check().await.unwrap();
}

async fn several_programs_may_migrate_at_once(world: World) {
    let fresh = world.unmigrated().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let store = fresh.another(rules(), keys()).await;
        tasks.push(tokio::spawn(async move { store.migrate().await.unwrap().len() }));
    }
    let mut applied = 0;
    for task in tasks {
        applied += task.await.unwrap();
    }
    assert_eq!(applied, ALL.len());
    fresh.store.check().await.unwrap();
}

/// Migrations of a later release, which have come and ask for programs that know `least`.
async fn migrated_later(world: &World, least: i64) {
    world
        .execute(&format!(
            "INSERT INTO schema_migrations (version, name, checksum, applied_at)
             VALUES (98, '0098_later', 'x', 0), (99, '0099_later', 'x', 0);
             UPDATE schema_compatibility SET least = {least}"
        ))
        .await;
}

async fn a_newer_schema_that_serves_this_release_is_worked_with(world: World) {
    migrated_later(&world, i64::try_from(ALL.len()).unwrap()).await;
    world.store.check().await.unwrap();
    assert!(world.store.migrate().await.unwrap().is_empty());
    world.due_email("acc").await;
}

async fn a_newer_schema_is_refused_by_name(world: World) {
    migrated_later(&world, 99).await;
    for error in [world.store.migrate().await.unwrap_err(), world.store.check().await.unwrap_err()]
    {
        assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
        assert!(!error.is_passing());
        let text = error.to_string();
        assert!(text.contains("version 98") && text.contains("0098_later"), "{text}");
        assert!(text.contains(&format!("up to {}", ALL.len())), "{text}");
        assert!(text.contains("know 99 at least"), "{text}");
    }
}

async fn a_changed_past_is_refused(world: World) {
    world.execute("UPDATE schema_migrations SET checksum = 'x'").await;
    let error = world.store.check().await.unwrap_err();
    assert!(matches!(&error, StoreError::Schema(why) if why.contains("0001_initial")), "{error}");
}

async fn damage_is_named_and_not_guessed_at(world: World) {
    let (case, id) = world.due_email("acc").await;
    world.execute("UPDATE notifications SET state = 'canary state'").await;
    let error = world.store.case(case).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("notifications") && text.contains("state"), "{text}");
    let refused = world.store.begin(&[crate::world::request("w1", id)]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
}

on_both!(
    migrating_twice_applies_once,
    several_programs_may_migrate_at_once,
    a_newer_schema_that_serves_this_release_is_worked_with,
    a_newer_schema_is_refused_by_name,
    a_changed_past_is_refused,
    damage_is_named_and_not_guessed_at,
);
