//! A cluster of three brokers of which one is killed, or cut off from the others: the one that
//! leads every queue and has every connection.

use crate::seen::judge_undisturbed;
use relink_tests::{
    Channels, Cluster, PacketFilter, PrivatePostgres, Servers, Setup, Stage, Stall, eventually,
    isolated,
};
use std::time::Duration;

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

/// After so long a node that has fallen silent counts as down. RabbitMQ's default is a minute.
/// Until then nobody can begin to publish to a queue that it led.
const NOTICED_S: u32 = 8;

/// For a stall beyond the noticing and the election, on a machine that is busy with other tests.
const STALL: Duration = Duration::from_secs(30);

/// Events for five seconds: a stall has begun by then, if it is to begin.
const BEGUN: usize = 40;

/// A deployment that knows every node, tries the first one first, and whose queues that one leads.
async fn on_a_cluster(cluster: &Cluster, postgres: String) -> Stage {
    let urls = cluster.urls();
    let servers = Servers { amqp: urls[0].clone(), postgres };
    let stage = Stage::dark(Setup { servers, accounts: ROOM, channels: Channels::Email }).await;
    let first = format!("@{}/%2f\"", stage.broker.address);
    stage.corner.reconfigure(&first, &format!("{first}, \"{}\", \"{}\"", urls[1], urls[2]));
    let stage = stage.start().await;
    for topic in ["signals", "send.email"] {
        let queue = format!("{}.{topic}", stage.prefix);
        assert_eq!(cluster.leader(&queue).await, 0);
    }
    stage
}

/// While two nodes of three are well, signals get to the broker again.
async fn publishing_goes_on(stage: &Stage, load: &relink_tests::Load, stall: &Stall) {
    load.goes_on(BEGUN).await;
    stall.is_over_within(STALL).await;
    let delivered = stage.corner.inbox.len();
    eventually("a mail by way of the other nodes", || async {
        (stage.corner.inbox.len() > delivered).then_some(())
    })
    .await;
    println!("a signal waited {:?} at most", stall.longest());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_stalls_publishing_for_the_election_of_another_leader() {
    let mut cluster = Cluster::start(NOTICED_S).await;
    let stage = on_a_cluster(&cluster, Servers::shared().postgres).await;
    let load = stage.load(8);
    load.reaches(20).await;
    let stall = Stall::watch(&stage);
    cluster.kill(0).await;
    publishing_goes_on(&stage, &load, &stall).await;
    cluster.restart(0).await;
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "leader of a cluster killed and restarted").await;
}

/// Its clients still reach it, and it them: only between the nodes every packet is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_the_others_keeps_nothing_to_itself() {
    isolated(async || {
        let (database, cluster) =
            tokio::join!(PrivatePostgres::start(100), Cluster::start(NOTICED_S));
        let filter = PacketFilter::install();
        let stage = on_a_cluster(&cluster, database.url()).await;
        let load = stage.load(8);
        load.reaches(20).await;
        let stall = Stall::watch(&stage);
        cluster.cut_off(0, &filter);
        publishing_goes_on(&stage, &load, &stall).await;
        assert!(filter.lost() > 0);
        filter.heal();
        until_whole(&cluster).await;
        let ledger = load.stop_after(30).await;
        judge_undisturbed(&stage, &ledger, "leader of a cluster cut off").await;
    })
    .await;
}

/// The node that had to pause has found the others again.
async fn until_whole(cluster: &Cluster) {
    eventually("the cluster to be whole", || async { cluster.is_whole(1).await.then_some(()) })
        .await;
}
