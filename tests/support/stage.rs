//! A whole deployment on a stage: receiver, worker and web as processes of their own, over
//! RabbitMQ and PostgreSQL, with a proxy before every server and every provider, so that a test
//! can do to any part of it what the world does.

use crate::api::Api;
use crate::corner::{Corner, Engines, Ports, Servers, new_prefix};
use crate::load::{Channels, Load, Rate, account, account_line, token};
use crate::private::address_of;
use crate::process::Relink;
use crate::proxy::Proxy;
use crate::signed::Sender;
use crate::wait::eventually;
use relink_core::Timestamp;
use relink_http::Method;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One step at once, over the channel that a person has.
pub(crate) const AT_ONCE: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email", "sms"]
"#;

/// What a stage is set up with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Broker and database server.
    pub servers: Servers,
    /// Accounts to register, from number 0 on.
    pub accounts: usize,
    /// How their people can be reached.
    pub channels: Channels,
}

impl Setup {
    /// On the servers that tests share.
    pub fn shared(accounts: usize, channels: Channels) -> Self {
        Self { servers: Servers::shared(), accounts, channels }
    }
}

/// A running deployment.
pub struct Stage {
    /// Its processes, by role. Dropped before the folder that has the logs they then print.
    pub processes: Vec<Actor>,
    /// Its folder, providers and configuration.
    pub corner: Corner,
    /// Before the broker.
    pub broker: Proxy,
    /// Before the database.
    pub store: Proxy,
    /// Before the mail server.
    pub mail: Proxy,
    /// Before Twilio.
    pub texts: Proxy,
    /// The broker itself, for a second client.
    pub amqp: String,
    /// The prefix of its queues.
    pub prefix: String,
    accounts: usize,
    receivers: Vec<SocketAddr>,
}

/// A process and how it is started.
pub struct Actor {
    /// `receive`, `work`, `web`.
    pub role: &'static str,
    /// The process of the moment.
    pub process: Relink,
    config: PathBuf,
}

impl Stage {
    /// Sets it up: schema, accounts, processes, all running.
    pub async fn open(setup: Setup) -> Self {
        Self::dark(setup).await.start().await
    }

    /// The same with the worker's or receiver's fail points armed.
    pub async fn open_armed(setup: Setup, role: &'static str, fail_points: &str) -> Self {
        Self::dark(setup).await.started(role, &[armed(fail_points)]).await
    }

    /// Everything but its processes.
    pub async fn dark(setup: Setup) -> Self {
        let corner = Corner::new(Engines::Embedded, AT_ONCE).await;
        let database = setup.servers.new_database().await;
        let broker = Proxy::start(address_of(&setup.servers.amqp)).await;
        let store = Proxy::start(address_of(&setup.servers.postgres)).await;
        let mail = Proxy::start(corner.mail.address).await;
        let texts = Proxy::start(corner.texts.address).await;
        let through = |url: &str, proxy: &Proxy| {
            url.replace(&address_of(url).to_string(), &proxy.address.to_string())
        };
        let servers = Servers {
            amqp: through(&setup.servers.amqp, &broker),
            postgres: setup.servers.postgres.clone(),
        };
        let prefix = new_prefix();
        let engines = servers.engines(&prefix, &through(&database, &store));
        let ports = Ports { mail: mail.address, texts: texts.address };
        std::fs::write(corner.config(), corner.configuration(AT_ONCE, &engines, &ports)).unwrap();
        let stage = Self {
            receivers: vec![corner.receiver],
            corner,
            processes: Vec::new(),
            broker,
            store,
            mail,
            texts,
            amqp: setup.servers.amqp,
            prefix,
            accounts: setup.accounts,
        };
        stage.prepare(&["migrate"]).await;
        stage.import(setup.channels).await;
        stage
    }

    /// Starts its processes, with the configuration as it is now, and waits until they run.
    pub async fn start(self) -> Self {
        self.started("", &[]).await
    }

    /// The same, the one of `role` with more variables.
    pub async fn started(mut self, role: &str, environment: &[(String, String)]) -> Self {
        for each in ["receive", "work", "web"] {
            let config = self.corner.config();
            self.add(each, config, if each == role { environment } else { &[] });
        }
        self.until_running().await;
        self
    }

    /// Starts the receiver and nothing else.
    pub async fn receiver_alone(mut self) -> Self {
        let config = self.corner.config();
        self.add("receive", config, &[]);
        self.until_running().await;
        self
    }

    /// One more receiver with a spool of its own.
    pub async fn add_receiver(&mut self) {
        let (config, address) = self.corner.another_receiver();
        self.receivers.push(address);
        self.add("receive", config, &[]);
        self.until_running().await;
    }

    /// One more worker.
    pub async fn add_worker(&mut self) {
        self.add_worker_in(&[]).await;
    }

    /// One more worker, with more variables.
    pub async fn add_worker_in(&mut self, environment: &[(String, String)]) {
        let config = self.corner.config();
        self.add("work", config, environment);
        self.until_running().await;
    }

    fn add(&mut self, role: &'static str, config: PathBuf, environment: &[(String, String)]) {
        let folder = self.corner.folder.path();
        let process = Relink::start_in(folder, &config, &[role], environment);
        self.processes.push(Actor { role, process, config });
    }

    /// Waits until every process says that it runs.
    pub async fn until_running(&self) {
        for actor in &self.processes {
            eventually(&format!("{} to run", actor.role), || async {
                actor.process.is_running().then_some(())
            })
            .await;
        }
    }

    /// Runs a command of the program until it ends well: on a machine that is very busy a
    /// database may take longer than the program waits.
    async fn prepare(&self, arguments: &[&str]) {
        eventually(&format!("relink {arguments:?}"), || async {
            let output = Relink::output(&self.corner.config(), arguments);
            output.status.success().then_some(())
        })
        .await;
    }

    async fn import(&self, channels: Channels) {
        let file = self.corner.folder.path().join("accounts.jsonl");
        let lines: String =
            (0..self.accounts).map(|number| account_line(number, channels)).collect();
        std::fs::write(&file, lines).unwrap();
        for number in 0..self.accounts {
            self.corner.broken_at_cobalt(&account(number), &token(number));
        }
        self.prepare(&["accounts", "import", file.to_str().unwrap()]).await;
    }

    /// The first process of a role.
    pub fn actor(&mut self, role: &str) -> &mut Actor {
        self.processes.iter_mut().find(|actor| actor.role == role).unwrap()
    }

    /// `kill -9`, and started again at once.
    pub fn kill_and_restart(&mut self, place: usize) {
        self.kill_and_arm(place, None);
    }

    /// The same with fail points armed.
    pub fn kill_and_arm(&mut self, place: usize, fail_points: Option<&str>) {
        let folder = self.corner.folder.path().to_owned();
        let actor = self.processes.get_mut(place).unwrap();
        actor.process.kill();
        let armed = fail_points.map(armed);
        actor.process = Relink::start_in(&folder, &actor.config, &[actor.role], armed.as_slice());
    }

    /// Waits until the first process of a role has ended by itself; answers how.
    pub async fn ended(&mut self, role: &str) -> i32 {
        let actor = std::cell::RefCell::new(self.actor(role));
        eventually("the process to end", || async { actor.borrow_mut().process.ended_with() }).await
    }

    /// Starts the first process of a role again, with nothing armed.
    pub async fn restart(&mut self, role: &str) {
        self.kill_and_restart(self.place(role));
        self.until_running().await;
    }

    /// [`Self::ended`] and [`Self::restart`].
    pub async fn restart_once_ended(&mut self, role: &str) -> i32 {
        let ended = self.ended(role).await;
        self.restart(role).await;
        ended
    }

    /// The place of the first process of a role.
    pub fn place(&self, role: &str) -> usize {
        self.processes.iter().position(|actor| actor.role == role).unwrap()
    }

    /// Starts a load of this many events a second, one for each account.
    pub fn load(&self, per_second: u32) -> Load {
        let senders =
            self.receivers.iter().map(|address| Sender::new(&format!("http://{address}")));
        Load::start(senders.collect(), Rate { per_second, at_most: self.accounts })
    }

    /// Says "works again" for one account. Answers the moment it was heard, if it was: it closed the
    /// open case, or comes before news that is still on its way.
    pub async fn repair(&self, number: usize) -> Option<Timestamp> {
        let path = format!("/v1/accounts/{}/relinked", account(number));
        let (status, _) = self.api().call(Method::POST, &path, None).await?;
        (status == 200).then(Timestamp::now)
    }

    /// The app's API.
    pub fn api(&self) -> Api {
        Api::new(&self.corner)
    }
}

/// The variable that arms fail points.
fn armed(fail_points: &str) -> (String, String) {
    ("RELINK_FAIL_POINTS".to_owned(), fail_points.to_owned())
}
