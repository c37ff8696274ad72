//! A RabbitMQ for tests. `RELINK_TEST_AMQP_URL` names one that any number of tests share, each
//! under a prefix of its own; tests that harm their broker start a private one, with ports, port
//! mapper, cookie and data of its own. A machine without RabbitMQ fails the tests: it never skips
//! them.

use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const NODE: &str = "relink-test@localhost";
const PASSWORD: &str = "test-only-password";
const START_DEADLINE: Duration = Duration::from_secs(180);
const PORT_ATTEMPTS: usize = 5;

/// What the log ends with when the program has ended.
const ENDED: &str = "the-program-has-ended";

/// A name that no other test has.
pub(crate) fn prefix() -> String {
    format!("t{}", uuid::Uuid::new_v4().simple())
}

/// A running broker. A private one ends with this value, and with the test process.
pub(crate) struct Broker {
    url: String,
    private: Option<Private>,
}

struct Private {
    server: Option<Group>,
    _mapper: Group,
    ports: Ports,
    data: PathBuf,
    home: TempDir,
}

/// What a private one is given beside the usual.
#[derive(Clone, Default)]
pub(crate) struct Wishes {
    /// The folder for its data, on a disk of the test's choice.
    pub(crate) data: Option<PathBuf>,
    /// More lines of its configuration.
    pub(crate) settings: String,
    /// More settings of its application `rabbit`, as Erlang writes them: `{name, value}`,
    /// separated by commas.
    pub(crate) advanced: String,
}

#[derive(Clone, Copy)]
struct Ports {
    amqp: u16,
    dist: u16,
    epmd: u16,
}

impl Broker {
    /// The shared one, or a private one where none is named.
    pub(crate) async fn any() -> Self {
        match std::env::var("RELINK_TEST_AMQP_URL") {
            Ok(url) => Self { url, private: None },
            Err(_) => Self::private().await,
        }
    }

    /// One that nobody else uses.
    pub(crate) async fn private() -> Self {
        Self::private_with(Wishes::default()).await
    }

    /// The same with wishes.
    pub(crate) async fn private_with(wishes: Wishes) -> Self {
        tokio::task::spawn_blocking(move || {
            for _ in 1..PORT_ATTEMPTS {
                // Somebody else may take a port between here and its use.
                if let Ok(broker) = Self::start(&wishes) {
                    return broker;
                }
            }
            Self::start(&wishes).unwrap_or_else(|log| panic!("RabbitMQ does not start:\n{log}"))
        })
        .await
        .unwrap()
    }

    fn start(wishes: &Wishes) -> Result<Self, String> {
        let home = TempDir::with_prefix("relink-rabbitmq-").unwrap();
        let ports = Ports { amqp: free_port(), dist: free_port(), epmd: free_port() };
        let conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\ndefault_user = relink\ndefault_pass = {PASSWORD}\n\
             loopback_users = none\n{}\n",
            ports.amqp, wishes.settings
        );
        fs::write(home.path().join("rabbitmq.conf"), conf).unwrap();
        let advanced = format!("[{{rabbit, [{}]}}].\n", wishes.advanced);
        fs::write(home.path().join("advanced.config"), advanced).unwrap();
        fs::write(home.path().join("plugins"), "[].").unwrap();
        fs::write(home.path().join("environment"), "").unwrap();
        fs::create_dir(home.path().join("conf.d")).unwrap();
        let mut epmd = Command::new(program("epmd"));
        epmd.args(["-port", &ports.epmd.to_string()]).env("ERL_EPMD_ADDRESS", "127.0.0.1");
        let mapper = Group::spawn(&epmd, &home.path().join("epmd.log"));
        let data = wishes.data.clone().unwrap_or_else(|| home.path().join("data"));
        let mut private = Private { server: None, _mapper: mapper, ports, data, home };
        private.boot()?;
        let url = format!("amqp://relink:{PASSWORD}@127.0.0.1:{}/%2f", ports.amqp);
        Ok(Self { url, private: Some(private) })
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// `rabbitmqctl`, with its output.
    pub(crate) async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = self.own().command("rabbitmqctl");
        command.args(["--quiet", "--node", NODE]).args(arguments).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let fault = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {text}{fault}");
        text
    }

    /// `kill -9`, with everything it started.
    pub(crate) async fn kill(&mut self) {
        let server = self.own_mut().server.take();
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
    }

    /// Starts it again on its data, ports and name.
    pub(crate) async fn restart(self) -> Self {
        tokio::task::spawn_blocking(move || {
            let mut broker = self;
            let booted = broker.own_mut().boot();
            booted.unwrap_or_else(|log| panic!("RabbitMQ does not start again:\n{log}"));
            broker
        })
        .await
        .unwrap()
    }

    /// Lets it neither run nor end, or go on.
    pub(crate) fn signal(&self, signal: Signal) {
        let server = self.own().server.as_ref().unwrap();
        kill_process_group(server.id, signal).unwrap();
    }

    fn own(&self) -> &Private {
        self.private.as_ref().expect("this broker belongs to other tests too")
    }

    fn own_mut(&mut self) -> &mut Private {
        self.private.as_mut().expect("this broker belongs to other tests too")
    }
}

impl Private {
    /// Starts the server and waits until it serves; the log when it ends before.
    fn boot(&mut self) -> Result<(), String> {
        let log = self.home.path().join("server.log");
        let server = Group::spawn(&self.command("rabbitmq-server"), &log);
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if text.contains("completed with") {
                self.server = Some(server);
                return Ok(());
            }
            if text.contains(ENDED) || started.elapsed() > START_DEADLINE {
                return Err(text);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// One of RabbitMQ's programs, kept apart from whatever else runs on this machine.
    fn command(&self, name: &str) -> Command {
        let home = self.home.path();
        let mut command = Command::new(program(name));
        let quiet = "+sbwt none +sbwtdcpu none +sbwtdio none";
        command
            .current_dir(home)
            .env("HOME", home)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("RABBITMQ_NODENAME", NODE)
            .env("RABBITMQ_DIST_PORT", self.ports.dist.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", home.join("environment"))
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_CONFIG_FILES", home.join("conf.d"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", home.join("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_MNESIA_BASE", &self.data)
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_PID_FILE", home.join("pid"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                format!("-kernel inet_dist_use_interface {{127,0,0,1}} {quiet}"),
            );
        command
    }
}

/// A program and whatever it starts. It is killed when this is dropped, and also when the test
/// process ends in any other way: a shell beside it waits for the end of its input.
struct Group {
    shell: Child,
    id: Pid,
}

impl Group {
    fn spawn(command: &Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let mut shell = Command::new("/bin/sh");
        shell
            .args([
                "-c",
                &format!("(\"$@\"; echo {ENDED}) </dev/null & read _; kill -KILL 0"),
                "sh",
            ])
            .arg(command.get_program())
            .args(command.get_args())
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        let shell = shell.spawn().unwrap();
        let id = Pid::from_child(&shell);
        Self { shell, id }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = kill_process_group(self.id, Signal::KILL);
        let _ = self.shell.wait();
    }
}

/// By where Debian keeps it (its scripts in `PATH` change user and home), else by `PATH`.
fn program(name: &str) -> OsString {
    let debian = PathBuf::from("/usr/lib/rabbitmq/bin").join(name);
    let erlang = fs::read_dir("/usr/lib/erlang").into_iter().flatten().flatten();
    let erlang = erlang.map(|folder| folder.path().join("bin").join(name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join(name)).collect();
    let found = std::iter::once(debian).chain(erlang).chain(path).find(|file| file.is_file());
    let Some(found) = found else {
        panic!(
            "there is no {name}: these tests need RabbitMQ. Install the Debian package \
             rabbitmq-server, or name a running broker in RELINK_TEST_AMQP_URL for those that \
             do not harm it"
        );
    };
    found.into_os_string()
}

/// Below the ports that systems hand out for outgoing connections.
fn free_port() -> u16 {
    loop {
        let random = uuid::Uuid::new_v4().as_u128() % 12_000;
        let port = 20_000 + u16::try_from(random).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
