//! `reply_after = "broker"`: the answer waits for the confirm, but not for ever.

use crate::support::*;
use relink_config::ReplyAfter;
use std::time::{Duration, Instant};

async fn world_with(queue: std::sync::Arc<ScriptedQueue>) -> World {
    World::start(Setup { queue, reply_after: ReplyAfter::Broker, ..Setup::default() }).await
}

#[tokio::test]
async fn the_answer_comes_with_the_confirm() {
    let world = world_with(ScriptedQueue::good()).await;
    let begun = Instant::now();
    for n in 0..20 {
        assert_eq!(world.webhook(&event(&format!("e{n}"))).await.status, 202);
        assert_eq!(world.queue.stored().len(), n + 1, "answered before the broker had it");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "confirms were missed: {:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn many_at_once_each_get_their_own_confirm() {
    let world = std::sync::Arc::new(world_with(ScriptedQueue::good()).await);
    let begun = Instant::now();
    let mut posts = tokio::task::JoinSet::new();
    for n in 0..100 {
        let world = std::sync::Arc::clone(&world);
        posts.spawn(async move {
            let id = format!("e{n}");
            assert_eq!(world.webhook(&event(&id)).await.status, 202);
            assert!(world.queue.stored_ids().contains(&id), "{id} answered too early");
        });
    }
    while let Some(post) = posts.join_next().await {
        post.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn without_a_confirm_the_answer_rests_on_the_fsync_after_a_quarter_of_a_second() {
    for rule in [Verdict::Hang, Verdict::Fail(relink_queue::PublishFault::Unreachable)] {
        let queue = ScriptedQueue::new(move |_| rule.clone());
        let world = world_with(queue).await;
        let begun = Instant::now();
        assert_eq!(world.webhook(EVENT).await.status, 202);
        // Not later than the deadline of every answer, or it would have been a 503.
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(240), "{took:?}");
        assert_eq!(world.pending(), 1);
    }
}
