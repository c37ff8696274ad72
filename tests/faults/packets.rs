//! Packets that do not arrive: what a cable, a switch or a forgetful firewall does. The kernel
//! loses them, so that handshakes and goodbyes go missing too, and nobody is told.

use crate::seen::judge_undisturbed;
use relink_tests::{
    Channels, PacketFilter, PrivateBroker, PrivatePostgres, Setup, Stage, isolated,
    private_servers, within,
};
use std::time::Duration;

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

/// Two heartbeats of 10 s missed, and time to connect. TCP alone would take a quarter of an hour,
/// and for a connection that only listens for ever.
const NOTICED: Duration = Duration::from_secs(60);

async fn on_private_servers() -> (PrivateBroker, PrivatePostgres, Stage) {
    let (broker, database, servers) = private_servers().await;
    let setup = Setup { servers, accounts: ROOM, channels: Channels::Email };
    let stage = Stage::open(setup).await;
    (broker, database, stage)
}

/// As when a firewall between them forgets its connections: both ends believe in them, and nothing
/// passes. New ones are let through.
#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_are_noticed_by_their_silence_and_replaced() {
    isolated(async || {
        let (_broker, _database, stage) = on_private_servers().await;
        let filter = PacketFilter::install();
        let load = stage.load(8);
        load.reaches(20).await;
        let before = stage.broker.accepted();
        let open = filter.lose_open(stage.broker.address);
        assert!(open > 2, "{open} connections of two processes");
        within(NOTICED, "a new connection for every one that is silent", || async {
            (stage.broker.accepted() >= before + open).then_some(())
        })
        .await;
        let ledger = load.stop_after(20).await;
        judge_undisturbed(&stage, &ledger, "half-open connections to the broker").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_to_which_no_packet_gets_is_found_again_when_they_do() {
    isolated(async || {
        let (_broker, _database, stage) = on_private_servers().await;
        let filter = PacketFilter::install();
        let load = stage.load(8);
        load.reaches(20).await;
        filter.lose_all(stage.broker.address);
        load.goes_on(100).await;
        let before = stage.broker.accepted();
        filter.heal();
        within(NOTICED, "a new connection", || async {
            (stage.broker.accepted() > before).then_some(())
        })
        .await;
        let ledger = load.stop_after(20).await;
        judge_undisturbed(&stage, &ledger, "no packet to or from the broker").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_of_all_packets_lost_costs_time_and_no_message() {
    isolated(async || {
        let (_broker, _database, servers) = private_servers().await;
        let setup = Setup { servers, accounts: ROOM, channels: Channels::Alternating };
        let stage = Stage::dark(setup).await;
        // Leases as they are by default. In four seconds of such a network one may run out, which
        // is a doubt, and a minute until it is looked into.
        stage.corner.reconfigure("lease = \"4s\"", "lease = \"2m\"");
        let stage = stage.start().await;
        let filter = PacketFilter::install();
        let load = stage.load(8);
        load.reaches(20).await;
        for server in [&stage.broker, &stage.store, &stage.mail, &stage.texts] {
            filter.lose_some(20, server.address);
        }
        let told = stage.corner.inbox.len();
        load.goes_on(120).await;
        assert!(stage.corner.inbox.len() > told, "nobody was told meanwhile");
        filter.heal();
        let ledger = load.stop_after(20).await;
        assert!(filter.lost() > 0);
        judge_undisturbed(&stage, &ledger, "a fifth of all packets lost").await;
    })
    .await;
}
