//! Real processes of the real program. Killed with the test that started them; their log lines
//! go to a file that a failing test names.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running process.
pub struct Relink {
    child: Child,
    log: PathBuf,
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

impl Relink {
    /// Starts the program with `config`.
    pub fn start(folder: &Path, config: &Path, arguments: &[&str]) -> Self {
        Self::start_armed(folder, config, arguments, None)
    }

    /// Starts it with fail points armed.
    pub fn start_armed(
        folder: &Path,
        config: &Path,
        arguments: &[&str],
        fail_points: Option<&str>,
    ) -> Self {
        let name = arguments.first().copied().unwrap_or("relink");
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let log = folder.join(format!("{name}-{}.log", unique.get(..6).unwrap()));
        let mut command = Self::command(config, arguments);
        if let Some(fail_points) = fail_points {
            command.env("RELINK_FAIL_POINTS", fail_points);
        }
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

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it has said that it runs.
    pub fn is_running(&self) -> bool {
        self.log().contains("relink is running")
    }

    /// Where its admin listener is, once it runs.
    pub fn admin(&self) -> Option<String> {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("relink is running"))?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line.get("admin")?.as_str().map(str::to_owned)
    }

    /// Its exit code, or `None` while it lives. A process that a signal ended answers 128 and
    /// the signal, as a shell would.
    pub fn exit_code(&mut self) -> Option<i32> {
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

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, and answers its exit code.
    ///
    /// # Panics
    /// When it has not ended after 30 s.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < Duration::from_secs(30), "does not stop:\n{}", self.log());
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
