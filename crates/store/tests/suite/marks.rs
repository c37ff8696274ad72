//! Whose turn it is, and how far the last one got.

use crate::on_both;
use crate::world::{MINUTE, World, keys, rules};
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use relink_core::time::{after, earlier};
use relink_store::{Mark, Progress};
use std::time::Duration;

const NAME: &str = "rounds";
const LASTS: Duration = Duration::from_secs(120);

fn progress(reached: Option<Timestamp>) -> Progress {
    Progress { reached, arrears: "noted".to_owned() }
}

fn worker(name: &str) -> WorkerId {
    WorkerId::parse(name).unwrap()
}

async fn one_worker_at_a_time_has_the_turn(world: World) {
    let (one, two) = (worker("w1"), worker("w2"));
    let take = |who| world.store.take_turn(NAME, who, LASTS);
    let free = Some(Mark { reached: None, arrears: None, now: world.now() });
    assert_eq!(take(&one).await.unwrap(), free);
    assert_eq!(take(&two).await.unwrap(), None);
    // Another name is another matter.
    assert_eq!(world.store.take_turn("else", &two, LASTS).await.unwrap(), free);

    // Its holder may lengthen it.
    world.advance(MINUTE);
    assert!(take(&one).await.unwrap().is_some());
    world.advance(LASTS - Duration::from_millis(1));
    assert_eq!(take(&two).await.unwrap(), None);
    // A worker that fell silent loses it.
    world.advance(Duration::from_millis(1));
    assert!(take(&two).await.unwrap().is_some());
    assert_eq!(take(&one).await.unwrap(), None);

    // What it hands back late is not its own any more.
    let reached = world.now();
    world.store.end_turn(NAME, &one, Some(&progress(Some(reached)))).await.unwrap();
    assert_eq!(take(&one).await.unwrap(), None);
    let untouched = Mark { reached: None, arrears: None, now: world.now() };
    assert_eq!(world.store.mark(NAME).await.unwrap(), untouched);
    world.store.end_turn(NAME, &two, Some(&progress(Some(reached)))).await.unwrap();
    let arrears = Some("noted".to_owned());
    let again = take(&one).await.unwrap();
    assert_eq!(again, Some(Mark { reached: Some(reached), arrears, now: world.now() }));
}

async fn a_mark_only_moves_forward(world: World) {
    let one = worker("w1");
    let mark = || async { world.store.mark(NAME).await.unwrap().reached };
    let unset = Mark { reached: None, arrears: None, now: world.now() };
    assert_eq!(world.store.mark(NAME).await.unwrap(), unset);
    let now = world.now();
    for (reached, expected) in [
        (None, None),
        (Some(now), Some(now)),
        (Some(earlier(now, MINUTE)), Some(now)),
        (None, Some(now)),
        (Some(after(now, MINUTE)), Some(after(now, MINUTE))),
    ] {
        assert!(world.store.take_turn(NAME, &one, LASTS).await.unwrap().is_some());
        world.store.end_turn(NAME, &one, Some(&progress(reached))).await.unwrap();
        assert_eq!(mark().await, expected, "{reached:?}");
    }
    // Given back without a word, it keeps what was noted.
    world.store.take_turn(NAME, &one, LASTS).await.unwrap().unwrap();
    world.store.end_turn(NAME, &one, None).await.unwrap();
    assert_eq!(world.store.mark(NAME).await.unwrap().arrears.as_deref(), Some("noted"));
    assert_eq!(world.store.mark("else").await.unwrap().reached, None);
}

async fn of_many_that_want_the_turn_at_once_one_gets_it(world: World) {
    let mut tasks = Vec::new();
    for n in 0..3 {
        let store = world.another(rules(), keys()).await;
        tasks.push(tokio::spawn(async move {
            store.take_turn(NAME, &worker(&format!("w{n}")), LASTS).await.unwrap().is_some()
        }));
    }
    let mut taken = 0;
    for task in tasks {
        taken += usize::from(task.await.unwrap());
    }
    assert_eq!(taken, 1);
}

on_both!(
    one_worker_at_a_time_has_the_turn,
    a_mark_only_moves_forward,
    of_many_that_want_the_turn_at_once_one_gets_it,
);
