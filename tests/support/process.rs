//! Real processes of the real program. Killed with the test that started them; their log lines
//! go to a file that a failing test names.

use crate::wait::eventually;
use bytes::Bytes;
use relink_core::Timestamp;
use relink_http::client::{HttpClient, Limits};
use relink_http::{HeaderMap, Method, header};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running process.
pub struct Relink {
    child: Child,
    log: PathBuf,
}

/// What a supervisor gives a process.
pub struct Supervision<'a> {
    /// A socket that it keeps open.
    pub socket: &'a TcpListener,
    /// What the socket is for.
    pub name: &'a str,
    /// Variables.
    pub environment: &'a [(&'a str, &'a str)],
}

/// The program, as built beside this test.
///
/// # Panics
/// When it is not built.
pub fn relink_binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/<profile>/deps/<test>, or target/<profile>/<program>: beside it, or a folder up.
    let mut folders = test.ancestors().skip(1).take(2).map(|folder| folder.join("relink"));
    let found = folders.find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no relink near {}: `cargo build -p relink`", test.display()))
}

/// Lets this test process have as many open files as its user may: usually some hundreds of
/// thousands, where it starts with a thousand.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

impl Relink {
    /// Starts the program with `config`.
    pub fn start(folder: &Path, config: &Path, arguments: &[&str]) -> Self {
        Self::spawn(folder, arguments, Self::command(config, arguments))
    }

    /// Starts the program as a supervisor does: with `socket` handed over under `name`, and with
    /// `environment`.
    pub fn start_supervised(
        folder: &Path,
        config: &Path,
        arguments: &[&str],
        supervision: &Supervision<'_>,
    ) -> Self {
        let program = Self::command(config, arguments);
        // The socket comes as standard input and is moved to where the protocol wants it; the
        // shell's process becomes the program's, so that its id is known here and there.
        let mut shell = Command::new("/bin/sh");
        shell
            .args([
                "-c",
                "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"",
                "sh",
            ])
            .arg(program.get_program())
            .args(program.get_args())
            .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("LISTEN_FDNAMES", supervision.name)
            .envs(supervision.environment.iter().copied())
            .stdin(OwnedFd::from(supervision.socket.try_clone().unwrap()));
        Self::spawn(folder, arguments, shell)
    }

    /// Starts it with these variables beside its own.
    pub fn start_in(
        folder: &Path,
        config: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Self {
        let mut command = Self::command(config, arguments);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::spawn(folder, arguments, command)
    }

    fn spawn(folder: &Path, arguments: &[&str], mut command: Command) -> Self {
        let name = arguments.first().copied().unwrap_or("relink");
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let log = folder.join(format!("{name}-{}.log", unique.get(..6).unwrap()));
        let child =
            command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Self { child, log }
    }

    /// Runs the program to its end.
    pub fn output(config: &Path, arguments: &[&str]) -> Output {
        Self::command(config, arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn command(config: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(relink_binary());
        command
            .arg("--config")
            .arg(config)
            .args(arguments)
            .env("TEST_CLIENT_ID", "ci_test")
            .env("TEST_CLIENT_SECRET", "cs_test");
        command
    }

    /// The file of its log.
    pub fn log_file(&self) -> PathBuf {
        self.log.clone()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What its admin listener answers to a path: status and text; `None` while it does not.
    pub async fn admin(&self, path: &str) -> Option<(u16, String)> {
        let base = self.admin_url()?;
        let client = HttpClient::new(Limits::default()).unwrap();
        let url = format!("{base}{path}");
        let answer = client.call(Method::GET, &url, HeaderMap::new(), Bytes::new()).await.ok()?;
        Some((answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// What time it thinks it is, to the second, by the `Date` of its admin listener.
    pub async fn clock(&self) -> Option<Timestamp> {
        let url = format!("{}/livez", self.admin_url()?);
        let client = HttpClient::new(Limits::default()).unwrap();
        let answer = client.call(Method::GET, &url, HeaderMap::new(), Bytes::new()).await.ok()?;
        let date = answer.headers.get(header::DATE)?.to_str().ok()?.replace("GMT", "+0000");
        Timestamp::strptime("%a, %d %b %Y %H:%M:%S %z", date).ok()
    }

    /// Whether it has said that it runs.
    pub fn is_running(&self) -> bool {
        self.log().contains("relink is running")
    }

    /// Where its admin listener is, once it runs.
    pub fn admin_url(&self) -> Option<String> {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("relink is running"))?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line.get("admin")?.as_str().map(str::to_owned)
    }

    /// Its exit code, or `None` while it lives. A process that a signal ended answers 128 and
    /// the signal, as a shell would.
    pub fn ended_with(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt as _;
        let status = self.child.try_wait().unwrap()?;
        status.code().or_else(|| status.signal().map(|signal| 128 + signal))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Memory that is resident just now, in bytes.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, and answers its exit code.
    ///
    /// # Panics
    /// When it has not ended after 60 s.
    pub fn stop(self) -> Option<i32> {
        self.ask_to_stop();
        self.exit_code()
    }

    /// SIGTERM.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for its end; `None` when a signal ended it.
    ///
    /// # Panics
    /// When it has not ended after 4 min.
    pub async fn ended(&mut self) -> Option<i32> {
        let child = std::sync::Mutex::new(&mut self.child);
        eventually("a process to end", || async {
            child.lock().unwrap().try_wait().unwrap().map(|status| status.code())
        })
        .await
    }

    /// Waits for its end; its log and its exit code.
    ///
    /// # Panics
    /// As [`Self::exit_code`].
    pub fn exit_code_and_log(self) -> (String, Option<i32>) {
        let log = self.log.clone();
        let code = self.exit_code();
        (std::fs::read_to_string(log).unwrap_or_default(), code)
    }

    /// Waits for its end; `None` when a signal ended it.
    ///
    /// # Panics
    /// When it has not ended after 60 s.
    pub fn exit_code(mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < Duration::from_secs(60), "does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Relink {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            println!("--- {}\n{}", self.log.display(), tail.join("\n"));
        }
    }
}
