//! A corner of its own for one scenario: a folder, a configuration, a queue prefix and a
//! database that no other test uses, and a pretend mail server and Twilio.

use crate::process::Relink;
use crate::signed::WEBHOOK_SECRET;
use relink_core::masked::Secret;
use relink_sandbox::{Inbox, MailCatcher, PretendCobalt, PretendTwilio, twilio};
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio_postgres::NoTls;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What stands between and behind the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engines {
    /// The embedded queue and SQLite.
    Embedded,
    /// RabbitMQ and PostgreSQL.
    Servers,
}

/// A scenario's corner.
pub struct Corner {
    /// Removed with the scenario.
    pub folder: TempDir,
    /// What was accepted by the pretend providers.
    pub inbox: Inbox,
    /// The mail server, for its faults.
    pub mail: MailCatcher,
    /// Cobalt, with a list of events; its webhooks go to the receiver.
    pub cobalt: PretendCobalt,
    /// Twilio, for its faults.
    pub texts: PretendTwilio,
    /// The receiver's address.
    pub receiver: SocketAddr,
    /// The web role's address.
    pub web: SocketAddr,
    /// The database on the server, if the store is one.
    database: Option<String>,
    _world: DropGuard,
}

/// The key of every scenario, with role `ops`.
pub(crate) const API_KEY: &str = "scenario-key-0123456789";

impl Corner {
    /// Makes a corner. `policy` is the `[policy]` part of the configuration.
    pub async fn new(engines: Engines, policy: &str) -> Self {
        let stop = CancellationToken::new();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let inbox = Inbox::default();
        let mail = MailCatcher::start(any, inbox.clone(), stop.clone()).await.unwrap();
        let texts = PretendTwilio::start(any, inbox.clone(), stop.clone()).await.unwrap();
        let receiver = free_port();
        let webhooks = format!("http://{receiver}/webhooks/cobalt");
        let secret = Secret::new(WEBHOOK_SECRET);
        let cobalt = PretendCobalt::start(any, &webhooks, &secret, stop.clone()).await.unwrap();
        let mut corner = Self {
            folder: tempfile::Builder::new().prefix("relink-scenario-").tempdir().unwrap(),
            inbox,
            mail,
            cobalt,
            texts,
            receiver,
            web: free_port(),
            database: None,
            _world: stop.drop_guard(),
        };
        let engines = match engines {
            Engines::Embedded => String::new(),
            Engines::Servers => {
                let servers = Servers::shared();
                let database = servers.new_database().await;
                let text = servers.engines(&new_prefix(), &database);
                corner.database = Some(database);
                text
            }
        };
        let ports = Ports { mail: corner.mail.address, texts: corner.texts.address };
        let text = corner.configuration(policy, &engines, &ports);
        std::fs::write(corner.config(), text).unwrap();
        corner
    }

    /// An account at Cobalt whose login is broken already, as whoever is told of it expects.
    pub fn broken_at_cobalt(&self, account_ref: &str, access_token: &str) {
        self.cobalt.add_account(account_ref, access_token);
        self.cobalt.break_silently(account_ref);
    }

    /// The configuration of one more receiver, with a spool and a port of its own.
    pub fn another_receiver(&self) -> (PathBuf, SocketAddr) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let (address, unique) = (free_port(), new_prefix());
        let folder = self.folder.path();
        let data = folder.join(&unique);
        let text = text
            .replace(&self.receiver.to_string(), &address.to_string())
            .replace(&folder.join("data").display().to_string(), &data.display().to_string());
        let config = folder.join(format!("{unique}.toml"));
        std::fs::write(&config, text).unwrap();
        (config, address)
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("relink.toml")
    }

    /// Changes the configuration of processes that are started from now on.
    ///
    /// # Panics
    /// When it does not hold `from`.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "the configuration has no {from}");
        std::fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    /// A process of the program with this corner's configuration. Every process gets a free
    /// port for its admin listener by the configuration's port 0.
    pub fn start(&self, arguments: &[&str]) -> Relink {
        Relink::start(self.folder.path(), &self.config(), arguments)
    }

    /// Another configuration file: this corner's with some of its lines changed.
    ///
    /// # Panics
    /// When a line is not in it.
    pub fn variant(&self, name: &str, changes: &[(&str, &str)]) -> PathBuf {
        let mut text = std::fs::read_to_string(self.config()).unwrap();
        for (line, changed) in changes {
            assert!(text.contains(line), "{line} is not in the configuration");
            text = text.replacen(line, changed, 1);
        }
        let path = self.folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs SQL in the store, beside the program.
    pub async fn sql(&self, sql: &str) {
        if let Some(url) = &self.database {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
            drop(client);
            connection.await.unwrap().unwrap();
        } else {
            let file = self.folder.path().join("data").join("relink.db");
            let store = rusqlite::Connection::open(file).unwrap();
            store.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
            store.execute_batch(sql).unwrap();
        }
    }

    /// Every row of every table of the store, as text, by table. The program may have to be stopped
    /// first: what SQLite still has in its journal is read through it.
    pub async fn dump(&self) -> Vec<(String, Vec<u8>)> {
        match &self.database {
            Some(url) => {
                let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
                let connection = tokio::spawn(connection);
                let tables = client
                    .query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[])
                    .await
                    .unwrap();
                let mut dump = Vec::new();
                for table in tables.iter().map(|row| row.get::<_, String>(0)) {
                    let rows = client
                        .query(&format!("SELECT t::text FROM \"{table}\" AS t"), &[])
                        .await
                        .unwrap();
                    let rows = rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>();
                    dump.push((table, rows.join("\n").into_bytes()));
                }
                drop(client);
                connection.await.unwrap().unwrap();
                dump
            }
            None => self.dump_sqlite(),
        }
    }

    fn dump_sqlite(&self) -> Vec<(String, Vec<u8>)> {
        let file = self.folder.path().join("data").join("relink.db");
        let store = rusqlite::Connection::open(file).unwrap();
        let mut tables =
            store.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let tables: Vec<String> =
            tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        tables
            .into_iter()
            .map(|table| {
                let mut all = store.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
                let columns = all.column_count();
                let mut rows = all.query([]).unwrap();
                let mut text = Vec::new();
                while let Some(row) = rows.next().unwrap() {
                    for column in 0..columns {
                        use rusqlite::types::ValueRef;
                        match row.get_ref(column).unwrap() {
                            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                                text.extend_from_slice(bytes);
                            }
                            ValueRef::Integer(number) => {
                                text.extend_from_slice(number.to_string().as_bytes());
                            }
                            ValueRef::Null | ValueRef::Real(_) => {}
                        }
                        text.push(b'|');
                    }
                    text.push(b'\n');
                }
                (table, text)
            })
            .collect()
    }

    /// The text of the configuration file, with the providers reached at `ports`.
    pub(crate) fn configuration(&self, policy: &str, engines: &str, ports: &Ports) -> String {
        let mut text = String::new();
        write!(
            text,
            r#"
[instance]
name = "Acme Health"
data_dir = "{data_dir}"
public_url = "https://relink.example.org"
[receiver]
listen = "{receiver}"
[web]
listen = "{web}"
[work]
lease = "4s"
[admin]
listen = "127.0.0.1:0"
[cobalt]
api_url = "{cobalt_url}"
link_script_url = "{link_script_url}"
client_id = {{ env = "TEST_CLIENT_ID" }}
client_secret = {{ env = "TEST_CLIENT_SECRET" }}
[[cobalt.webhook_secrets]]
id = "current"
secret = "{WEBHOOK_SECRET}"
[email]
from = "Acme Health <no-reply@acme.example>"
smtp = {{ host = "127.0.0.1", port = {mail_port}, tls = "none" }}
[sms]
api_url = "http://{texts}"
account_sid = "{account_sid}"
auth_token = "{auth_token}"
from = "+15005550006"
[[api.keys]]
id = "scenario"
role = "ops"
secret = "{API_KEY}"
[log]
format = "json"
filter = "info"
{engines}
{policy}
"#,
            data_dir = self.folder.path().join("data").display(),
            receiver = self.receiver,
            web = self.web,
            mail_port = ports.mail.port(),
            texts = ports.texts,
            cobalt_url = self.cobalt.url(),
            link_script_url = self.cobalt.link_script_url(),
            account_sid = twilio::ACCOUNT_SID,
            auth_token = twilio::AUTH_TOKEN,
        )
        .unwrap();
        text
    }
}

/// A port that is free now, below those that the system gives out by itself: nobody is given it
/// between this look and the program's start.
fn free_port() -> SocketAddr {
    loop {
        let port = fastrand::u16(20_000..32_000);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// Where the PostgreSQL of the tests listens.
///
/// # Panics
/// When there is none.
pub fn postgres_address() -> SocketAddr {
    let url = server("RELINK_TEST_POSTGRES_URL");
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} names no server: run the tests with scripts/test, which starts private ones"
        )
    })
}

/// A name that no other test has.
pub(crate) fn new_prefix() -> String {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("test-{}", unique.get(..12).unwrap())
}

/// Where the program reaches its providers: they themselves, or proxies before them.
pub(crate) struct Ports {
    pub(crate) mail: SocketAddr,
    pub(crate) texts: SocketAddr,
}

/// A broker and a database server.
#[derive(Debug, Clone)]
pub struct Servers {
    /// `amqp://`.
    pub amqp: String,
    /// `postgres://`, a superuser's.
    pub postgres: String,
}

impl Servers {
    /// The ones that all tests share, each with a prefix and a database of its own.
    pub fn shared() -> Self {
        Self { amqp: server("RELINK_TEST_AMQP_URL"), postgres: server("RELINK_TEST_POSTGRES_URL") }
    }

    /// A new, empty database; answers its URL.
    pub(crate) async fn new_database(&self) -> String {
        let name = new_prefix().replace('-', "_");
        let (client, connection) = tokio_postgres::connect(&self.postgres, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        let (base, _) = self.postgres.rsplit_once('/').unwrap();
        format!("{base}/{name}")
    }

    /// The part of the configuration that names them.
    pub(crate) fn engines(&self, prefix: &str, database: &str) -> String {
        let key: String = "ab".repeat(32);
        format!(
            r#"
[queue]
kind = "rabbitmq"
[queue.rabbitmq]
urls = ["{amqp}"]
prefix = "{prefix}"
[store]
url = "{database}"
tls = "disable"
[[encryption.keys]]
id = "test"
secret = "{key}"
"#,
            amqp = self.amqp,
        )
    }
}
