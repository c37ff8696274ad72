//! The schema is brought up once, by whoever comes first, and a newer one is left alone.

use crate::on_both;
use crate::world::{World, keys, rules};
use relink_store::StoreError;

async fn migrating_twice_applies_once(world: World) {
    let fresh = world.unmigrated().await;
    let error = fresh.store.check().await.unwrap_err();
    assert!(matches!(&error, StoreError::Schema(why) if why.contains("relink migrate")), "{error}");
    assert_eq!(fresh.store.migrate().await.unwrap(), ["0001_initial", "0002_marks", "0003_audit"]);
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
    assert_eq!(applied, 3);
    fresh.store.check().await.unwrap();
}

async fn a_newer_schema_is_refused_by_name(world: World) {
    world
        .execute(
            "INSERT INTO schema_migrations (version, name, checksum, applied_at)
             VALUES (9, '0009_later', 'x', 0)",
        )
        .await;
    for error in [world.store.migrate().await.unwrap_err(), world.store.check().await.unwrap_err()]
    {
        assert!(matches!(error, StoreError::Schema(_)), "{error:?}");
        assert!(!error.is_passing());
        let text = error.to_string();
        assert!(text.contains("version 9") && text.contains("0009_later"), "{text}");
        assert!(text.contains("up to 3"), "{text}");
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
    a_newer_schema_is_refused_by_name,
    a_changed_past_is_refused,
    damage_is_named_and_not_guessed_at,
);
