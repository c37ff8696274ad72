//! Accounts, their contacts, and their sealed tokens.

use crate::on_both;
use crate::world::{
    CANARY, DAY, MINUTE, World, account_ref, admin, key, keys, rules, upsert, user,
};
use relink_core::account::{AccountUpsert, Contact};
use relink_core::attempt::Reason;
use relink_core::case::CloseReason;
use relink_core::masked::Secret;
use relink_core::notification::NotificationState;
use relink_core::seal::KeyRing;
use relink_core::signal::SignalKind;
use relink_core::time::after;
use relink_store::{StoreError, StoredAccount};

async fn an_account_reads_back_as_it_was_written(world: World) {
    assert_eq!(world.store.account(&account_ref("acc")).await.unwrap(), None);
    let first = upsert("acc", vec![admin(), user()]);
    assert!(world.put(first.clone()).await);
    let created_at = world.now();
    let expected = StoredAccount {
        account: first.account,
        created_at,
        updated_at: created_at,
        time_zone: None,
    };
    assert_eq!(world.store.account(&account_ref("acc")).await.unwrap(), Some(expected));

    world.advance(MINUTE);
    let mut second = upsert("acc", vec![user()]);
    second.account.user_id = "somebody else".to_owned();
    second.account.emr_instance_domain = None;
    assert!(!world.put(second.clone()).await);
    let expected = StoredAccount {
        account: second.account,
        created_at,
        updated_at: world.now(),
        time_zone: None,
    };
    assert_eq!(world.store.account(&account_ref("acc")).await.unwrap(), Some(expected));
}

async fn one_batch_answers_for_each(world: World) {
    world.put(upsert("b", vec![user()])).await;
    let batch = [upsert("a", vec![user()]), upsert("b", Vec::new()), upsert("a", vec![admin()])];
    assert_eq!(world.store.put_accounts(&batch).await.unwrap(), [true, false, false]);
    let stored = world.store.account(&account_ref("a")).await.unwrap().unwrap();
    assert_eq!(stored.account.contacts, [admin()]);
}

async fn accounts_are_listed_in_pages(world: World) {
    for name in ["b", "Z", "a/1", "é", "c"] {
        world.put(upsert(name, vec![user(), admin()])).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = world.store.accounts(after.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(last.account.account_ref.clone());
        assert!(page.iter().all(|stored| stored.account.contacts == [user(), admin()]));
        seen.extend(page.into_iter().map(|stored| stored.account.account_ref.to_string()));
    }
    assert_eq!(seen, ["Z", "a/1", "b", "c", "é"], "the order of their bytes");
}

async fn a_token_opens_with_its_key_and_in_its_row_only(world: World) {
    let store = &world.store;
    assert_eq!(store.access_token(&account_ref("acc")).await.unwrap(), None);
    world.put(upsert("acc", vec![user()])).await;
    let mut other = upsert("other", Vec::new());
    other.access_token = Secret::new("another token");
    world.put(other).await;
    let token = store.access_token(&account_ref("acc")).await.unwrap();
    assert_eq!(token, Some(Secret::new(CANARY)));

    let rotated = KeyRing::new(key("k2", 2), vec![key("k1", 1)]);
    let newer = world.another(rules(), rotated).await;
    assert_eq!(newer.access_token(&account_ref("acc")).await.unwrap(), Some(Secret::new(CANARY)));
    newer.put_accounts(&[upsert("acc", vec![user()])]).await.unwrap();
    let error = store.access_token(&account_ref("acc")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Sealed(why) if why.contains("k2")), "{error}");
    assert!(!error.is_passing());

    let without = world.another(rules(), KeyRing::new(key("k3", 3), Vec::new())).await;
    let error = without.access_token(&account_ref("other")).await.unwrap_err();
    assert!(matches!(error, StoreError::Sealed(_)), "{error}");

    // Moved into another row, by whatever hand, it no longer opens.
    world
        .execute(
            "UPDATE accounts SET
                 access_token = (SELECT access_token FROM accounts WHERE account_ref = 'acc'),
                 access_token_key = (SELECT access_token_key FROM accounts WHERE account_ref = 'acc')
             WHERE account_ref = 'other'",
        )
        .await;
    let error = newer.access_token(&account_ref("other")).await.unwrap_err();
    assert!(matches!(error, StoreError::Sealed(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
}

async fn the_same_token_is_never_sealed_the_same_way_twice(world: World) {
    world.put(upsert("a", Vec::new())).await;
    world.put(upsert("b", Vec::new())).await;
    world.execute("CREATE UNIQUE INDEX sealed_once ON accounts (access_token)").await;
    world.put(upsert("a", Vec::new())).await;
}

async fn an_account_that_changes_plans_for_whom_it_can_tell_now(world: World) {
    world.put(upsert("acc", Vec::new())).await;
    let applied = world.apply(world.signal("e1", "acc", SignalKind::LoginRequired)).await;
    let case = applied.case_id.unwrap();
    assert_eq!(world.history(case).await.non_sends.len(), 3);
    // Replacing it by the same says nothing new.
    for _ in 0..3 {
        world.put(upsert("acc", Vec::new())).await;
    }
    assert_eq!(world.history(case).await.non_sends.len(), 3);

    world.advance(DAY);
    world.put(upsert("acc", vec![user()])).await;
    let history = world.history(case).await;
    assert_eq!((history.notifications.len(), history.non_sends.len()), (2, 3));
    assert_eq!(history.notifications[0].due_at, world.now());
    assert_eq!(history.notifications[1].due_at, after(world.now(), DAY));
    world.put(upsert("acc", vec![user()])).await;
    assert_eq!(world.history(case).await, history);
}

async fn deleting_an_account_closes_its_case(world: World) {
    let (case, id) = world.due_email("acc").await;
    assert!(world.store.delete_account(&account_ref("acc")).await.unwrap());
    assert!(!world.store.delete_account(&account_ref("acc")).await.unwrap());
    assert_eq!(world.store.account(&account_ref("acc")).await.unwrap(), None);
    assert_eq!(world.store.access_token(&account_ref("acc")).await.unwrap(), None);
    let history = world.history(case).await;
    assert_eq!(history.case.close_reason, Some(CloseReason::AccountDeleted));
    let cancelled = (NotificationState::Cancelled, Some(Reason::CaseClosed));
    assert_eq!(world.stands(case, id).await, cancelled);
    // Its contacts went with it: coming back, it has only those it is given.
    assert!(world.put(upsert("acc", Vec::new())).await);
    let stored = world.store.account(&account_ref("acc")).await.unwrap().unwrap();
    assert!(stored.account.contacts.is_empty());
}

async fn no_file_holds_a_token_in_the_clear(world: World) {
    let many: Vec<AccountUpsert> =
        (0..50).map(|n| upsert(&format!("acc {n}"), vec![user()])).collect();
    world.store.put_accounts(&many).await.unwrap();
    world.store.put_accounts(&many).await.unwrap();
    for (path, bytes) in world.files() {
        let canary = CANARY.as_bytes();
        let found = bytes.windows(canary.len()).any(|window| window == canary);
        assert!(!found, "{}", path.display());
    }
    // The server's files are not ours to read; what a query can reach is.
    world
        .execute(
            "CREATE TABLE leaked (x INTEGER NOT NULL CHECK (x = 0));
             INSERT INTO leaked
             SELECT count(*) FROM accounts WHERE CAST(access_token AS TEXT) LIKE '%canary%';",
        )
        .await;
}

async fn a_contact_keeps_everything_it_came_with(world: World) {
    let bare = Contact {
        email: None,
        phone: None,
        locale: None,
        time_zone: None,
        name: None,
        sms_consent: false,
        ..user()
    };
    world.put(upsert("acc", vec![bare.clone()])).await;
    let stored = world.store.account(&account_ref("acc")).await.unwrap().unwrap();
    assert_eq!(stored.account.contacts, [bare]);
    let another = world.another(rules(), keys()).await;
    assert_eq!(another.account(&account_ref("acc")).await.unwrap(), Some(stored));
}

on_both!(
    an_account_reads_back_as_it_was_written,
    one_batch_answers_for_each,
    accounts_are_listed_in_pages,
    a_token_opens_with_its_key_and_in_its_row_only,
    the_same_token_is_never_sealed_the_same_way_twice,
    an_account_that_changes_plans_for_whom_it_can_tell_now,
    deleting_an_account_closes_its_case,
    no_file_holds_a_token_in_the_clear,
    a_contact_keeps_everything_it_came_with,
);
