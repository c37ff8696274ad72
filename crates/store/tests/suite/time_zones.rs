//! A contact without a zone of its own is in the one that Cobalt names for the account.

use crate::on_both;
use crate::world::{
    CANARY, DAY, MINUTE, SETTLE, World, account_ref, admin, id_of, key, rules, upsert, user,
};
use relink_core::account::{Channel, Contact};
use relink_core::id::CaseId;
use relink_core::seal::KeyRing;
use relink_core::signal::SignalKind;
use relink_store::{ASK_AGAIN_AFTER, Door, StoreError, ZoneWanted};
use std::collections::BTreeSet;

const ZONE: &str = "America/Chicago";

fn nowhere() -> Contact {
    Contact { time_zone: None, ..user() }
}

async fn wanted(world: &World) -> BTreeSet<String> {
    let wanted = world.store.claim_zones_wanted(100).await.unwrap();
    wanted.into_iter().map(|wanted| wanted.account_ref.to_string()).collect()
}

async fn note(world: &World, account: &str, zone: Option<&str>) {
    world.store.note_zone(&account_ref(account), zone).await.unwrap();
}

fn of<const N: usize>(accounts: [&str; N]) -> BTreeSet<String> {
    accounts.map(str::to_owned).into()
}

async fn only_accounts_with_somebody_nowhere_are_asked_about_and_not_too_often(world: World) {
    world.put(upsert("placed", vec![user()])).await;
    world.put(upsert("one of two", vec![user(), admin()])).await;
    world.put(upsert("nowhere", vec![nowhere()])).await;
    world.put(upsert("nobody", vec![])).await;
    let one = world.store.claim_zones_wanted(1).await.unwrap();
    let [ZoneWanted { account_ref, access_token: Ok(token) }] = one.as_slice() else {
        panic!("{one:?}")
    };
    assert_eq!(token.expose(), CANARY);
    let mut all = wanted(&world).await;
    assert!(all.insert(account_ref.to_string()), "taken twice");
    assert_eq!(all, of(["nowhere", "one of two"]));
    assert_eq!(wanted(&world).await, of([]));

    note(&world, "nowhere", Some(ZONE)).await;
    world.advance(59 * MINUTE);
    assert_eq!(wanted(&world).await, of([]));
    world.advance(MINUTE);
    assert_eq!(wanted(&world).await, of(["one of two"]), "nothing came of it");
    note(&world, "one of two", None).await;
    world.advance(ASK_AGAIN_AFTER - 2 * 60 * MINUTE);
    assert_eq!(wanted(&world).await, of([]));
    world.advance(2 * 60 * MINUTE);
    assert_eq!(wanted(&world).await, of(["nowhere", "one of two"]));
}

async fn a_broken_login_is_not_asked_about_and_a_warning_is_no_broken_login(world: World) {
    for (account, kind) in
        [("broken", SignalKind::LoginRequired), ("warned", SignalKind::PasswordChangeWarning)]
    {
        world.put(upsert(account, vec![nowhere()])).await;
        world.apply(world.signal(account, account, kind)).await;
    }
    assert_eq!(wanted(&world).await, of(["warned"]));
    world.apply(world.signal("mended", "broken", SignalKind::Repaired)).await;
    assert_eq!(wanted(&world).await, of(["broken"]));
}

async fn a_new_token_is_asked_with_again_and_an_answer_to_the_old_one_does_not_count(world: World) {
    world.put(upsert("acc", vec![nowhere()])).await;
    assert_eq!(wanted(&world).await, of(["acc"]));
    world.put(upsert("acc", vec![nowhere()])).await;
    note(&world, "acc", Some(ZONE)).await;
    let stored = world.store.account(&account_ref("acc")).await.unwrap().unwrap();
    assert_eq!(stored.time_zone, None);
    assert_eq!(wanted(&world).await, of(["acc"]));
    note(&world, "acc", Some(ZONE)).await;
    world.put(upsert("acc", vec![nowhere()])).await;
    // What was known stays in force until there is an answer.
    let stored = world.store.account(&account_ref("acc")).await.unwrap().unwrap();
    assert_eq!(stored.time_zone.as_deref(), Some(ZONE));
    assert_eq!(wanted(&world).await, of(["acc"]));

    let other = world.another(rules(), KeyRing::new(key("k2", 2), Vec::new())).await;
    world.put(upsert("acc", vec![nowhere()])).await;
    let sealed = other.claim_zones_wanted(1).await.unwrap().remove(0).access_token;
    assert!(matches!(sealed, Err(StoreError::Sealed(_))), "{sealed:?}");
}

/// The zone in force for the contact of a message: at its gate, and at the door that leads to it.
async fn in_force(
    world: &World,
    account: &str,
    contact: &str,
    case: CaseId,
) -> [Option<String>; 2] {
    let step = if contact == "u1" { "first" } else { "escalate" };
    let id = id_of(case, step, contact, Channel::Email);
    let at_gate = world.send(id).await.snapshot.contact.unwrap().time_zone;
    let at_door = world.store.way_back(&Door::Notification(id)).await.unwrap().unwrap();
    assert_eq!(at_door.case.account_ref, account_ref(account));
    [at_gate, at_door.contact.unwrap().time_zone]
}

async fn the_zone_of_the_account_is_in_force_for_whoever_has_none(world: World) {
    world.put(upsert("acc", vec![user(), admin()])).await;
    wanted(&world).await;
    note(&world, "acc", Some(ZONE)).await;
    let stored = world.store.account(&account_ref("acc")).await.unwrap().unwrap();
    let own: Vec<_> = stored.account.contacts.iter().map(|it| it.time_zone.as_deref()).collect();
    assert_eq!(own, [Some("America/New_York"), None], "a contact's own is shown as it is");
    assert_eq!(stored.time_zone.as_deref(), Some(ZONE));
    let listed = world.store.accounts(None, 10).await.unwrap();
    assert_eq!(listed, [stored]);

    let case = world.apply(world.signal("evt", "acc", SignalKind::LoginRequired)).await;
    let case = case.case_id.unwrap();
    world.advance(SETTLE);
    let york = Some("America/New_York".to_owned());
    assert_eq!(in_force(&world, "acc", "u1", case).await, [york.clone(), york]);
    world.advance(3 * DAY);
    let chicago = Some(ZONE.to_owned());
    assert_eq!(in_force(&world, "acc", "a1", case).await, [chicago.clone(), chicago]);
}

on_both!(
    only_accounts_with_somebody_nowhere_are_asked_about_and_not_too_often,
    a_broken_login_is_not_asked_about_and_a_warning_is_no_broken_login,
    a_new_token_is_asked_with_again_and_an_answer_to_the_old_one_does_not_count,
    the_zone_of_the_account_is_in_force_for_whoever_has_none,
);
