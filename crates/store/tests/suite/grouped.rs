//! Many callers through shared batches get what each would have got alone.

use crate::on_both;
use crate::world::{SETTLE, World, finished, id_of, request};
use relink_core::account::Channel;
use relink_core::attempt::Outcome;
use relink_core::notification::NotificationState;
use relink_core::plan::SignalResult;
use relink_core::signal::SignalKind;
use relink_store::{Begin, Finished, Grouped, StoreError};

async fn many_callers_share_commits_and_each_gets_its_own_answer(world: World) {
    let grouped = Grouped::new(&world.store);
    let mut cases = Vec::new();
    for n in 0..100 {
        cases.push(world.open_case(&format!("acc {n}")).await);
    }
    world.advance(SETTLE);
    let tasks: Vec<_> = cases
        .iter()
        .map(|case| {
            let (grouped, id) = (grouped.clone(), id_of(*case, "first", "u1", Channel::Email));
            tokio::spawn(async move {
                let begun = grouped.begin_one(request("w1", id)).await.unwrap();
                let Begin::Send(open) = begun else { panic!("{begun:?}") };
                assert_eq!(open.snapshot.notification.id, id);
                grouped.finish_one(finished(&open, Outcome::Accepted)).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        let finished = task.await.unwrap();
        assert!(
            matches!(finished, Finished::Recorded { state: NotificationState::Sent, .. }),
            "{finished:?}"
        );
    }
    for case in cases {
        let history = world.history(case).await;
        assert_eq!(history.attempts.len(), 1);
    }
}

async fn the_same_wish_from_many_callers_is_granted_once(world: World) {
    let (_, id) = world.due_email("acc").await;
    let grouped = Grouped::new(&world.store);
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let grouped = grouped.clone();
            tokio::spawn(async move { grouped.begin_one(request(&format!("w{n}"), id)).await })
        })
        .collect();
    let mut sends = 0;
    for task in tasks {
        sends += usize::from(matches!(task.await.unwrap().unwrap(), Begin::Send(_)));
    }
    assert_eq!(sends, 1);
}

async fn one_bad_request_does_not_spoil_its_batch(world: World) {
    let grouped = Grouped::new(&world.store);
    let mut requests = Vec::new();
    for n in 0..20 {
        let (_, id) = world.due_email(&format!("acc {n}")).await;
        let mut request = finished(&*world.send(id).await, Outcome::Accepted);
        if n == 7 {
            request.number = 9;
        }
        requests.push(request);
    }
    let tasks: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let grouped = grouped.clone();
            tokio::spawn(async move { grouped.finish_one(request).await })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let finished = task.await.unwrap();
        if n == 7 {
            assert!(matches!(finished, Err(StoreError::NeverBegun(_))), "{finished:?}");
        } else {
            assert!(matches!(finished, Ok(Finished::Recorded { .. })), "{n}: {finished:?}");
        }
    }
}

async fn signals_of_one_account_through_batches_open_one_case(world: World) {
    let grouped = Grouped::new(&world.store);
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let grouped = grouped.clone();
            let signal = world.signal(&format!("e{n}"), "acc", SignalKind::LoginRequired);
            tokio::spawn(async move { grouped.apply_one(signal).await.unwrap() })
        })
        .collect();
    let mut opened = 0;
    for task in tasks {
        opened += usize::from(task.await.unwrap().result == SignalResult::Opened);
    }
    assert_eq!(opened, 1);
}

on_both!(
    many_callers_share_commits_and_each_gets_its_own_answer,
    the_same_wish_from_many_callers_is_granted_once,
    one_bad_request_does_not_spoil_its_batch,
    signals_of_one_account_through_batches_open_one_case,
);
