//! What must not run side by side, and what must: a second machine on SQLite, queues of another
//! make, releases one apart.

use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use relink_tests::{Api, Corner, Engines, Relink, eventually, login_required, post_alone};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio_postgres::NoTls;

const POLICY: &str = r#"
[policy]
settle = "1h"
"#;

/// The value of a key in the corner's configuration.
fn value(corner: &Corner, start: &str) -> String {
    let text = std::fs::read_to_string(corner.config()).unwrap();
    let line = text.lines().find(|line| line.starts_with(start)).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

async fn broker(corner: &Corner) -> (Connection, Channel) {
    let url = value(corner, "urls");
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

fn migrate(config: &Path) {
    let migrated = Relink::output(config, &["migrate"]);
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
}

async fn running(process: Relink) -> Relink {
    eventually("a process to run", || async { process.is_running().then_some(()) }).await;
    process
}

/// Exit code and standard error of a process that must refuse to start.
async fn refused(config: PathBuf, arguments: &'static [&str]) -> (Option<i32>, String) {
    let ended = tokio::task::spawn_blocking(move || Relink::output(&config, arguments));
    let ended = ended.await.unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_machine_with_sqlite_refuses_and_the_first_works_on() {
    let corner = Corner::new(Engines::Servers, POLICY).await;
    let postgres = format!("url = \"{}\"", value(&corner, "url = \"postgres"));
    let usual = format!("data_dir = \"{}\"", corner.folder.path().join("data").display());
    // A folder of its own is what makes a machine here.
    let machine = |name: &str| {
        let own = format!("data_dir = \"{}\"", corner.folder.path().join(name).display());
        let config =
            corner.variant(name, &[(&usual, &own), (&postgres, "url = \"sqlite:relink.db\"")]);
        migrate(&config);
        config
    };
    let (one, two) = (machine("one"), machine("two"));
    let start = |arguments| running(Relink::start(corner.folder.path(), &one, arguments));
    let first = start(&["work"]).await;
    // A second process of the same machine is welcome.
    let beside = start(&["work", "--only", "email"]).await;
    let whole = a_whole_second_machine_is_refused(&corner, &postgres);
    let ((code, said), third) = tokio::join!(refused(two, &["work"]), whole);
    assert_eq!(code, Some(64), "{said}");
    for part in ["another machine", "postgres://", "queue.rabbitmq.prefix", "owner.sqlite"] {
        assert!(said.contains(part), "no {part} in {said}");
    }

    let (_receiver, _web) = (start(&["receive"]).await, start(&["web"]).await);
    let api = Api::new(&corner);
    assert_eq!(api.cases().await.len(), 0, "what it took is nobody's yet");
    // Told to receive only, it hands on what it took.
    let third = Relink::start(corner.folder.path(), &third, &["receive"]);
    eventually("the first machine to plan it", || async {
        (api.cases().await.len() == 1).then_some(())
    })
    .await;
    drop(third);
    accepted(corner.receiver, &login_required("evt-1", "account-1")).await;
    eventually("the first machine to plan", || async {
        (api.cases().await.len() == 2).then_some(())
    })
    .await;
    for mut process in [first, beside] {
        process.ask_to_stop();
        assert_eq!(process.ended().await, Some(0));
    }
}

/// Posts an event until it is taken: a receiver may be starting, or slow for once.
async fn accepted(receiver: SocketAddr, event: &str) {
    eventually("a receipt", || async {
        let posted = post_alone(receiver, event).await.ok()?;
        (posted.0 == 202).then_some(())
    })
    .await;
}

/// A machine with all roles takes events while it finds out that it must not be there: they stay in
/// its spool. Answers its configuration.
async fn a_whole_second_machine_is_refused(corner: &Corner, postgres: &str) -> PathBuf {
    let (config, receiver) = corner.another_receiver();
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(text.contains(postgres));
    std::fs::write(&config, text.replace(postgres, "url = \"sqlite:relink.db\"")).unwrap();
    let mut process = Relink::start(corner.folder.path(), &config, &["run"]);
    accepted(receiver, &login_required("evt-0", "account-0")).await;
    assert_eq!(process.ended().await, Some(64), "{}", process.log());
    let log = process.log();
    for part in ["another machine", "stay in the spool"] {
        assert!(log.contains(part), "no {part} in {log}");
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_refuses_a_queue_of_another_make_and_a_receiver_takes_events_all_the_same() {
    let corner = Corner::new(Engines::Servers, POLICY).await;
    migrate(&corner.config());
    let (_connection, channel) = broker(&corner).await;
    let queue = format!("{}.send.sms", value(&corner, "prefix"));
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString(LongString::from("quorum")));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(5));
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.as_str().into(), options, arguments).await.unwrap();

    let (code, said) = refused(corner.config(), &["work"]).await;
    assert_eq!(code, Some(64), "{said}");
    for part in [queue.as_str(), "arg '", "queue.rabbitmq.prefix"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let _receiver = running(corner.start(&["receive"])).await;
    accepted(corner.receiver, &login_required("evt-1", "account-1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_works_with_what_the_next_one_left_behind() {
    let corner = Corner::new(Engines::Servers, POLICY).await;
    migrate(&corner.config());
    let url = value(&corner, "url = \"postgres");
    let (database, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let _connection = tokio::spawn(connection);
    let newest = "SELECT max(version) FROM schema_migrations";
    let newest: i64 = database.query_one(newest, &[]).await.unwrap().get(0);
    let ahead = |by: i64| {
        let insert = "INSERT INTO schema_migrations (version, name, checksum, applied_at) \
                      VALUES ($1, 'later', 'of another release', 0)";
        let (database, version) = (&database, newest + by);
        async move { database.execute(insert, &[&version]).await.unwrap() }
    };
    // Migrated for the next release, which brings two, and whose processes are not here yet.
    ahead(1).await;
    ahead(2).await;
    let worker = running(corner.start(&["work"])).await;
    let (_receiver, _web) =
        (running(corner.start(&["receive"])).await, running(corner.start(&["web"])).await);
    // A message that only the next release can read is in the worker's hands first.
    let (_connection, channel) = broker(&corner).await;
    let publish = channel.basic_publish(
        value(&corner, "prefix").as_str().into(),
        "signals".into(),
        BasicPublishOptions::default(),
        br#"{"v":2,"signal":"in words of tomorrow"}"#,
        BasicProperties::default().with_message_id("tomorrow".into()),
    );
    publish.await.unwrap();
    eventually("the worker to see it", || async {
        worker.log().contains("written in version 2").then_some(())
    })
    .await;
    accepted(corner.receiver, &login_required("evt-1", "account-1")).await;
    let api = Api::new(&corner);
    eventually("what it can read to be planned", || async {
        (api.cases().await.len() == 1).then_some(())
    })
    .await;
    let dead = Relink::output(&corner.config(), &["dead", "list", "--output", "json"]);
    assert!(!String::from_utf8_lossy(&dead.stdout).contains("tomorrow"), "kept for an upgrade");

    // The release after it takes away what this one uses.
    ahead(3).await;
    let raise = format!("UPDATE schema_compatibility SET least = {}", newest + 1);
    database.batch_execute(&raise).await.unwrap();
    let (code, said) = refused(corner.config(), &["work"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("at least: start the release"), "{said}");
}
