//! A broker whose disk is nearly full, or full to the last byte.

use crate::seen::judge_undisturbed;
use relink_tests::{
    Channels, PrivateBroker, PrivatePostgres, Servers, Setup, SmallDisk, Stage, Toxics, eventually,
    isolated,
};

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

const MIB: u64 = 1024 * 1024;

/// A quarter of the disk.
const LIMIT: u64 = 64 * MIB;

/// As good as none: the disk is full before.
const NO_LIMIT: u64 = 1;

/// A deployment whose broker has a disk of its own, and blocks publishers below a limit.
struct OnSmallDisk {
    stage: Stage,
    broker: PrivateBroker,
    disk: SmallDisk,
    _database: PrivatePostgres,
}

impl OnSmallDisk {
    async fn open(limit: u64) -> Self {
        let disk = SmallDisk::mount(256);
        let (broker, database) =
            tokio::join!(PrivateBroker::start_on(&disk, limit), PrivatePostgres::start(100));
        let servers = Servers { amqp: broker.url(), postgres: database.url() };
        let setup = Setup { servers, accounts: ROOM, channels: Channels::Email };
        Self { stage: Stage::open(setup).await, broker, disk, _database: database }
    }

    async fn until_gauge(&self, name: &str, least: i64) {
        eventually(&format!("{name} to reach {least}"), || async {
            (self.stage.gauge(name).await? >= least).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_alarm_fills_the_spool_while_consumers_go_on() {
    isolated(async || {
        let world = OnSmallDisk::open(LIMIT).await;
        let (stage, disk) = (&world.stage, &world.disk);
        // What the mail server does not take piles up in the broker.
        stage.mail.set(Toxics::black_hole());
        let load = stage.load(8);
        world.until_gauge("relink_queue_depth", 30).await;
        disk.fill(LIMIT / 4);
        world.until_gauge("relink_spool_pending", 30).await;
        stage.mail.heal();
        // More than the worker had in hand: these are taken from the broker now.
        stage.corner.inbox.wait_for(30).await;
        assert!(world.broker.has_disk_alarm().await);
        disk.free();
        let ledger = load.stop_after(30).await;
        judge_undisturbed(stage, &ledger, "disk alarm").await;
    })
    .await;
}

/// A RabbitMQ that meets the end of its disk before its alarm does gives up its quorum queues and
/// stays up without them: somebody has to make room and start it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_out_of_disk_has_what_it_confirmed_once_it_is_started_again() {
    isolated(async || {
        let mut world = OnSmallDisk::open(NO_LIMIT).await;
        let load = world.stage.load(8);
        load.reaches(30).await;
        world.disk.fill(0);
        world.until_gauge("relink_spool_pending", 30).await;
        assert!(world.disk.left() < MIB, "{} bytes left", world.disk.left());
        world.disk.free();
        world.broker.kill().await;
        world.broker.restart().await;
        let ledger = load.stop_after(30).await;
        judge_undisturbed(&world.stage, &ledger, "broker out of disk").await;
    })
    .await;
}
