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
                let (text, database) = servers().await;
                corner.database = Some(database);
                text
            }
        };
        let text = corner.configuration(policy, &engines);
        std::fs::write(corner.config(), text).unwrap();
        corner
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

    fn configuration(&self, policy: &str, engines: &str) -> String {
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
client_id = {{ env = "TEST_CLIENT_ID" }}
client_secret = {{ env = "TEST_CLIENT_SECRET" }}
[[cobalt.webhook_secrets]]
id = "current"
secret = "{WEBHOOK_SECRET}"
[email]
from = "Acme Health <no-reply@acme.example>"
smtp = {{ host = "127.0.0.1", port = {mail_port}, tls = "none" }}
[sms]
api_url = "{twilio_url}"
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
            mail_port = self.mail.address.port(),
            cobalt_url = self.cobalt.url(),
            twilio_url = self.texts.url(),
            account_sid = twilio::ACCOUNT_SID,
            auth_token = twilio::AUTH_TOKEN,
        )
        .unwrap();
        text
    }
}

/// A port that is free now.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
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

/// A prefix on the broker and a database on the server that nobody else uses.
async fn servers() -> (String, String) {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let unique = unique.get(..12).unwrap();
    let admin = server("RELINK_TEST_POSTGRES_URL");
    let (client, connection) = tokio_postgres::connect(&admin, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE relink_{unique}")).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let (base, _) = admin.rsplit_once('/').unwrap();
    let key: String = "ab".repeat(32);
    let database = format!("{base}/relink_{unique}");
    let text = format!(
        r#"
[queue]
kind = "rabbitmq"
[queue.rabbitmq]
urls = ["{amqp}"]
prefix = "test-{unique}"
[store]
url = "{base}/relink_{unique}"
tls = "disable"
[[encryption.keys]]
id = "test"
secret = "{key}"
"#,
        amqp = server("RELINK_TEST_AMQP_URL"),
    );
    (text, database)
}
