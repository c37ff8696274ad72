//! The same thing said twice, at once, differently, or by somebody who leaves.

use crate::seen::judge;
use relink_tests::{Channels, Sender, Setup, Stage, account, eventually, login_required};

#[tokio::test(flavor = "multi_thread")]
async fn two_receivers_told_the_same_at_the_same_moment_make_one_message() {
    let mut stage = Stage::open(Setup::shared(80, Channels::Email)).await;
    stage.add_receiver().await;
    let ledger = stage.load(20).finish().await;
    let verdict = judge(&stage, &ledger, "every event posted to two receivers").await;
    assert_eq!((verdict.acknowledged, verdict.duplicated), (80, 0));
    let statuses = ledger.statuses();
    assert_eq!(statuses.get(&Some(202)), Some(&160), "{statuses:?}");
    let cases = stage.api().cases().await;
    assert!(cases.iter().all(|case| case["signals"] == 1), "one row for each event");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_another_body_makes_no_second_message() {
    let stage = Stage::open(Setup::shared(2, Channels::Email)).await;
    let ledger = stage.load(20).finish().await;
    let sender = Sender::new(&format!("http://{}", stage.corner.receiver));
    let other = login_required("evt-0", &account(0)).replace("FIXTURE", "SOMETHING ELSE");
    for _ in 0..5 {
        assert_eq!(sender.post(&other).await, Some(202));
    }
    eventually("the five others to be buried", || async {
        (stage.gauge("relink_dead_letters").await? == 5).then_some(())
    })
    .await;
    assert_eq!((ledger.acknowledged().len(), stage.corner.inbox.len()), (2, 2));
    println!("| same id, other body | attempted 7 | acknowledged 7 | lost 0 | buried 5 | told 2 |");
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_in_a_queue_is_buried_and_holds_up_nobody() {
    use lapin::options::BasicPublishOptions;
    let stage = Stage::open(Setup::shared(40, Channels::Email)).await;
    let load = stage.load(20);
    // Before that the queues may not be declared, and junk would go nowhere.
    stage.corner.inbox.wait_for(1).await;
    let connection = lapin::Connection::connect(&stage.amqp, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let big = vec![b'x'; 1024 * 1024];
    let junk: [&[u8]; 4] = [b"", b"\xff\x00 no JSON", b"{\"v\":1}", &big];
    for (queue, body) in ["signals", "send.email"].iter().flat_map(|q| junk.map(|b| (q, b))) {
        let queue = format!("{}.{queue}", stage.prefix);
        let options = BasicPublishOptions::default();
        channel
            .basic_publish("".into(), queue.into(), options, body, Default::default())
            .await
            .unwrap();
    }
    let ledger = load.finish().await;
    eventually("everybody to be told and the junk to be buried", || async {
        let buried = stage.gauge("relink_dead_letters").await? == 8;
        (buried && stage.corner.inbox.len() == 40).then_some(())
    })
    .await;
    assert_eq!(ledger.acknowledged().len(), 40);
    println!("| poison in two queues | attempted 40 | acknowledged 40 | lost 0 | buried 8 |");
}
