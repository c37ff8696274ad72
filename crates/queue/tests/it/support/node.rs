//! One RabbitMQ server of a test's own: its folder, its programs, and its end. Ports, port mapper,
//! cookie and data belong to it alone. A machine without RabbitMQ fails the test.

use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PASSWORD: &str = "test-only-password";
const START_DEADLINE: Duration = Duration::from_secs(180);

/// What the log ends with when the program has ended.
const ENDED: &str = "the-program-has-ended";

/// Where a server is.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// One of this machine's own, 127.0.0.0/8.
    pub(crate) address: Ipv4Addr,
    amqp: u16,
    dist: u16,
    mapper: u16,
}

impl Place {
    /// On free ports, known to the port mapper on `mapper`.
    pub(crate) fn new(address: Ipv4Addr, mapper: u16) -> Self {
        Self { address, amqp: free_port(), dist: free_port(), mapper }
    }

    /// What other servers and `rabbitmqctl` call the one here. A port mapper knows the part before
    /// the address alone.
    pub(crate) fn name(self) -> String {
        format!("relink-test-{}@{}", self.address.octets()[3], self.address)
    }

    /// `amqp://`.
    pub(crate) fn url(self) -> String {
        format!("amqp://relink:{PASSWORD}@{}:{}/%2f", self.address, self.amqp)
    }

    /// Keeps the talk between servers on this address, in both directions, and the emulator from
    /// waiting busily.
    fn emulator(self) -> String {
        let address = self.address.to_string().replace('.', ",");
        format!(
            "-kernel inet_dist_use_interface {{{address}}} \
             -kernel inet_dist_connect_options [{{ip,{{{address}}}}}] \
             +sbwt none +sbwtdcpu none +sbwtdio none"
        )
    }
}

/// A server, running or not.
pub(crate) struct Node {
    pub(crate) place: Place,
    server: Option<Group>,
    data: PathBuf,
    emulator: String,
    home: TempDir,
}

/// What a server is given beside the usual.
#[derive(Clone, Default)]
pub(crate) struct Wishes {
    /// The folder for its data, on a disk of the test's choice.
    pub(crate) data: Option<PathBuf>,
    /// More lines of its configuration.
    pub(crate) settings: String,
    /// More settings of its application `rabbit`, as Erlang writes them: `{name, value}`,
    /// separated by commas.
    pub(crate) advanced: String,
    /// More arguments of its Erlang.
    pub(crate) emulator: String,
}

impl Node {
    /// Makes its folder.
    pub(crate) fn new(place: Place, wishes: &Wishes) -> Self {
        let home = TempDir::with_prefix("relink-rabbitmq-").unwrap();
        let conf = format!(
            "listeners.tcp.1 = {}:{}\ndefault_user = relink\ndefault_pass = {PASSWORD}\n\
             loopback_users = none\n{}\n",
            place.address, place.amqp, wishes.settings
        );
        fs::write(home.path().join("rabbitmq.conf"), conf).unwrap();
        let advanced = format!("[{{rabbit, [{}]}}].\n", wishes.advanced);
        fs::write(home.path().join("advanced.config"), advanced).unwrap();
        fs::write(home.path().join("plugins"), "[].").unwrap();
        fs::write(home.path().join("environment"), "").unwrap();
        fs::create_dir(home.path().join("conf.d")).unwrap();
        let data = wishes.data.clone().unwrap_or_else(|| home.path().join("data"));
        let emulator = format!("{} {}", place.emulator(), wishes.emulator);
        Self { place, server: None, data, emulator, home }
    }

    /// The folder of everything it writes.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts the server.
    pub(crate) fn launch(&mut self) {
        self.server = Some(Group::spawn(&self.command("rabbitmq-server"), &self.log_file()));
    }

    /// Waits until the server serves; the log when it ends before.
    pub(crate) fn until_serving(&self) -> Result<(), String> {
        let started = Instant::now();
        while !self.serves()? {
            if started.elapsed() > START_DEADLINE {
                return Err(self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Whether the server serves; the log when it has ended.
    pub(crate) fn serves(&self) -> Result<bool, String> {
        let log = self.log();
        if log.contains(ENDED) { Err(log) } else { Ok(log.contains("completed with")) }
    }

    /// What the server has said since its start.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.home().join("server.log")
    }

    /// `rabbitmqctl`, with its output.
    pub(crate) async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = self.command("rabbitmqctl");
        command.args(["--quiet", "--node", &self.place.name()]).args(arguments);
        command.stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let fault = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {text}{fault}");
        text
    }

    /// `kill -9`, with everything it started.
    pub(crate) async fn kill(&mut self) {
        let server = self.server.take();
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
    }

    /// Lets it neither run nor end, or go on.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process_group(self.server.as_ref().unwrap().id, signal).unwrap();
    }

    /// One of RabbitMQ's programs, kept apart from whatever else runs on this machine.
    fn command(&self, name: &str) -> Command {
        let home = self.home();
        let mut command = Command::new(program(name));
        command
            .current_dir(home)
            .env("HOME", home)
            .env("ERL_EPMD_ADDRESS", self.place.address.to_string())
            .env("ERL_EPMD_PORT", self.place.mapper.to_string())
            .env("RABBITMQ_USE_LONGNAME", "true")
            .env("RABBITMQ_NODENAME", self.place.name())
            .env("RABBITMQ_DIST_PORT", self.place.dist.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", home.join("environment"))
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_CONFIG_FILES", home.join("conf.d"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", home.join("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_MNESIA_BASE", &self.data)
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_PID_FILE", home.join("pid"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", &self.emulator);
        command
    }
}

/// Starts Erlang's port mapper for servers on these addresses.
pub(crate) fn mapper(port: u16, addresses: &[Ipv4Addr]) -> Group {
    let addresses: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
    let mut epmd = Command::new(program("epmd"));
    epmd.args(["-port", &port.to_string()]).env("ERL_EPMD_ADDRESS", addresses.join(","));
    Group::spawn(&epmd, Path::new("/dev/null"))
}

/// A program and whatever it starts. It is killed when this is dropped, and also when the test
/// process ends in any other way: a shell beside it waits for the end of its input.
pub(crate) struct Group {
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
pub(crate) fn free_port() -> u16 {
    loop {
        let random = uuid::Uuid::new_v4().as_u128() % 12_000;
        let port = 20_000 + u16::try_from(random).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
