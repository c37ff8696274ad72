//! Keys of access tokens: which sealed how many, and all of them sealed with the first one, beside
//! everything else that goes on.

use crate::on_both;
use crate::world::{
    CANARY, DAY, World, account_ref, deferred, key, keys, request, rules, upsert, user,
};
use relink_core::attempt::Reason;
use relink_core::id::NotificationId;
use relink_core::masked::Secret;
use relink_core::seal::KeyRing;
use relink_store::{Begin, Door, ResealRequest, Resealed, SealedTokens, Store, StoreError};
use std::sync::Arc;

/// The new key in front of the one that every world begins with.
fn rotated() -> KeyRing {
    KeyRing::new(key("k2", 2), vec![key("k1", 1)])
}

fn only_new() -> KeyRing {
    KeyRing::new(key("k2", 2), Vec::new())
}

async fn with(world: &World, keys: KeyRing) -> Arc<dyn Store> {
    world.another(rules(), keys).await
}

/// One batch.
async fn reseal(store: &dyn Store, after: Option<&str>, limit: usize, dry_run: bool) -> Resealed {
    let request = ResealRequest { after: after.map(account_ref), limit, dry_run };
    store.reseal(&request).await.unwrap()
}

async fn counts(store: &dyn Store) -> Vec<(String, u64)> {
    let counts = store.sealed_tokens().await.unwrap();
    counts.into_iter().map(|SealedTokens { key, tokens }| (key, tokens)).collect()
}

async fn token(store: &dyn Store, account: &str) -> Result<Option<Secret>, StoreError> {
    store.access_token(&account_ref(account)).await
}

/// Registers an account whose token says which one it is.
async fn register(store: &dyn Store, account: &str, token: &str) {
    let mut account = upsert(account, vec![user()]);
    account.access_token = Secret::new(token);
    store.put_accounts(&[account]).await.unwrap();
}

fn owned(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(key, tokens)| ((*key).to_owned(), *tokens)).collect()
}

async fn every_token_is_sealed_again_in_batches_and_the_old_key_can_go(world: World) {
    for n in 0..7 {
        register(world.store.as_ref(), &format!("a{n}"), &format!("token {n}")).await;
    }
    let before = world.store.account(&account_ref("a0")).await.unwrap();
    let store = with(&world, rotated()).await;
    register(store.as_ref(), "new", "token new").await;
    assert_eq!(counts(store.as_ref()).await, owned(&[("k1", 7), ("k2", 1)]));

    // A dry run opens everything and changes nothing.
    let dry = reseal(store.as_ref(), None, 100, true).await;
    assert_eq!((dry.resealed, dry.overtaken, dry.unopened.len()), (7, 0, 0));
    assert_eq!(counts(store.as_ref()).await, owned(&[("k1", 7), ("k2", 1)]));

    let first = reseal(store.as_ref(), None, 3, false).await;
    assert_eq!((first.resealed, first.last), (3, Some(account_ref("a2"))));
    // Broken off, and begun again from the front: what is done is done.
    let second = reseal(store.as_ref(), None, 3, false).await;
    assert_eq!((second.resealed, second.last), (3, Some(account_ref("a5"))));
    let third = reseal(store.as_ref(), Some("a5"), 3, false).await;
    assert_eq!((third.resealed, third.last), (1, Some(account_ref("a6"))));
    let end = reseal(store.as_ref(), Some("a6"), 3, false).await;
    assert_eq!(end, Resealed::default());

    assert_eq!(counts(store.as_ref()).await, owned(&[("k2", 8)]));
    let without_old = with(&world, only_new()).await;
    for n in 0..7 {
        let expected = Secret::new(format!("token {n}"));
        assert_eq!(token(without_old.as_ref(), &format!("a{n}")).await.unwrap(), Some(expected));
    }
    // Sealing again is no change of the account.
    assert_eq!(world.store.account(&account_ref("a0")).await.unwrap(), before);
    let old = token(world.store.as_ref(), "a0").await.unwrap_err();
    assert!(matches!(&old, StoreError::Sealed(why) if why.contains("k2")), "{old}");
}

async fn tokens_that_no_key_opens_are_named_and_left_as_they_are(world: World) {
    for (account, secret) in [("a", "token a"), ("b", "token b"), ("c", "token c")] {
        register(world.store.as_ref(), account, secret).await;
    }
    let lost = with(&world, KeyRing::new(key("lost", 9), Vec::new())).await;
    register(lost.as_ref(), "d", "token d").await;
    // Swapped by whatever hand: the ciphertext of one account in the row of another.
    world
        .execute(
            "UPDATE accounts SET
                 access_token = (SELECT access_token FROM accounts WHERE account_ref = 'a')
             WHERE account_ref = 'b'",
        )
        .await;
    let store = with(&world, rotated()).await;
    for dry_run in [true, false] {
        let batch = reseal(store.as_ref(), None, 100, dry_run).await;
        assert_eq!((batch.resealed, batch.overtaken), (2, 0));
        assert_eq!(batch.unopened, [account_ref("b"), account_ref("d")]);
    }
    assert_eq!(counts(store.as_ref()).await, owned(&[("k1", 1), ("k2", 2), ("lost", 1)]));
    let swapped = token(store.as_ref(), "b").await.unwrap_err();
    assert!(matches!(swapped, StoreError::Sealed(_)), "{swapped}");
    // With its key back, the other one is sealed again too.
    let keys = KeyRing::new(key("k2", 2), vec![key("k1", 1), key("lost", 9)]);
    let batch = reseal(with(&world, keys).await.as_ref(), None, 100, false).await;
    assert_eq!((batch.resealed, batch.unopened), (1, vec![account_ref("b")]));
    assert_eq!(token(store.as_ref(), "d").await.unwrap(), Some(Secret::new("token d")));
}

async fn a_backup_from_before_needs_the_old_key_and_is_rotated_again(world: World) {
    register(world.store.as_ref(), "a", CANARY).await;
    world.execute("CREATE TABLE backup AS SELECT * FROM accounts").await;
    let store = with(&world, rotated()).await;
    assert_eq!(reseal(store.as_ref(), None, 100, false).await.resealed, 1);
    // The restore.
    world
        .execute(
            "UPDATE accounts SET
                 access_token = (SELECT access_token FROM backup),
                 access_token_key = (SELECT access_token_key FROM backup)",
        )
        .await;
    let without_old = with(&world, only_new()).await;
    let error = token(without_old.as_ref(), "a").await.unwrap_err();
    assert!(matches!(&error, StoreError::Sealed(why) if why.contains("k1")), "{error}");
    assert_eq!(reseal(without_old.as_ref(), None, 100, false).await.unopened, [account_ref("a")]);
    assert_eq!(token(store.as_ref(), "a").await.unwrap(), Some(Secret::new(CANARY)));
    assert_eq!(reseal(store.as_ref(), None, 100, false).await.resealed, 1);
    assert_eq!(token(without_old.as_ref(), "a").await.unwrap(), Some(Secret::new(CANARY)));
}

/// Whichever of the two comes first, the token that counts is the one registered last.
async fn a_token_registered_meanwhile_is_never_put_back(world: World) {
    let (old, new) = (Arc::clone(&world.store), with(&world, rotated()).await);
    let request = ResealRequest { after: None, limit: 100, dry_run: false };
    let mut resealed = 0;
    for round in 0..60 {
        // Not all processes have the new key yet.
        let before: &dyn Store = old.as_ref();
        for n in 0..4 {
            register(before, &format!("a{n}"), &format!("before {round}")).await;
        }
        let newer = format!("newer {round}");
        let (_, _, batch) = tokio::join!(
            register(old.as_ref(), "a1", &newer),
            register(new.as_ref(), "a2", &newer),
            new.reseal(&request),
        );
        resealed += batch.unwrap().resealed;
        for account in ["a1", "a2"] {
            let found = token(new.as_ref(), account).await.unwrap();
            assert_eq!(found, Some(Secret::new(newer.clone())), "{account}, round {round}");
        }
    }
    assert!(resealed >= 60 * 2, "{resealed}");
}

/// The message whose link has this hash.
async fn behind(store: &Arc<dyn Store>, hash: &str) -> Option<NotificationId> {
    let found = store.way_back(&Door::Link(hash.to_owned())).await.unwrap()?;
    found.notification.map(|notification| notification.id)
}

/// The link of an attempt is known by its hash, so the key it was derived with may go; only a
/// repeat then has another one, and both lead to the same notification.
async fn a_link_works_without_the_key_that_it_was_derived_with(world: World) {
    let (_, id) = world.due_email("acc").await;
    let first = world.send(id).await;
    let hash = first.link.hash();
    world.finish(&first, deferred(Reason::ConnectFailed)).await;
    let without_old = with(&world, only_new()).await;
    assert_eq!(behind(&without_old, &hash).await, Some(id));

    world.advance(DAY / 2);
    let begun = without_old.begin(&[request("w1", id)]).await.unwrap().remove(0);
    let Begin::Send(again) = begun else { panic!("{begun:?}") };
    assert_ne!(again.link.hash(), hash, "without the key nobody can make the same");
    for hash in [hash, again.link.hash()] {
        assert_eq!(behind(&without_old, &hash).await, Some(id));
    }
    // With the old key behind the new one the repeat has the link of the first.
    let (_, other) = world.due_email("other").await;
    let first = world.send(other).await;
    world.finish(&first, deferred(Reason::ConnectFailed)).await;
    world.advance(DAY / 2);
    let both = with(&world, rotated()).await;
    let begun = both.begin(&[request("w1", other)]).await.unwrap().remove(0);
    let Begin::Send(again) = begun else { panic!("{begun:?}") };
    assert_eq!(again.link.hash(), first.link.hash());
}

async fn an_empty_store_has_nothing_to_seal(world: World) {
    assert_eq!(world.store.sealed_tokens().await.unwrap(), []);
    assert_eq!(reseal(world.store.as_ref(), None, 100, false).await, Resealed::default());
    register(world.store.as_ref(), "a", "t").await;
    assert_eq!(reseal(world.store.as_ref(), None, 100, false).await, Resealed::default());
    let same = with(&world, keys()).await;
    assert_eq!(counts(same.as_ref()).await, owned(&[("k1", 1)]));
}

on_both!(
    every_token_is_sealed_again_in_batches_and_the_old_key_can_go,
    tokens_that_no_key_opens_are_named_and_left_as_they_are,
    a_backup_from_before_needs_the_old_key_and_is_rotated_again,
    a_token_registered_meanwhile_is_never_put_back,
    a_link_works_without_the_key_that_it_was_derived_with,
    an_empty_store_has_nothing_to_seal,
);
