//! The program itself, as a process: started, timed until it says that it runs, measured and
//! asked to stop. Killed with this value if it comes to that.

use anyhow::{Context as _, bail, ensure};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What it says once every port is open.
const RUNNING: &str = "relink is running";

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// A running program.
pub(crate) struct Program {
    child: Child,
}

/// The program beside this one.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program cannot find itself")?;
    let path = own.with_file_name("relink");
    let build = "cargo build --release -p relink -p relink-bench";
    ensure!(path.is_file(), "{} is not there: {build}", path.display());
    Ok(path)
}

impl Program {
    /// Starts it and answers how long it took until it said that it runs. Blocks.
    pub(crate) fn start(config: &Path, arguments: &[&str]) -> anyhow::Result<(Self, Duration)> {
        let mut command = command(config, arguments)?;
        let begun = Instant::now();
        let child = command.stderr(Stdio::piped()).spawn().context("relink does not start")?;
        let mut program = Self { child };
        let stderr = program.child.stderr.take().context("no standard error")?;
        let lines = read_lines(stderr);
        let mut said = String::new();
        loop {
            let left = START_DEADLINE.saturating_sub(begun.elapsed());
            let Ok((at, line)) = lines.recv_timeout(left) else {
                bail!("relink {} did not come up; it said:\n{said}", arguments.join(" "));
            };
            if line.contains(RUNNING) {
                return Ok((program, at.duration_since(begun)));
            }
            said.push_str(&line);
            said.push('\n');
        }
    }

    /// Runs it to its end, which must be a good one. Blocks.
    pub(crate) fn to_end(config: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        let output = command(config, arguments)?.output().context("relink does not start")?;
        ensure!(
            output.status.success(),
            "relink {} ended with {}: {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Memory that is resident just now, in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: u64 = kib.with_context(|| format!("{path} has no VmRSS"))?.trim().parse()?;
        Ok(kib * 1024)
    }

    /// Asks it to stop, and waits until it has. Blocks.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "relink ended with {status} when it was told to stop");
                return Ok(());
            }
            ensure!(asked.elapsed() < STOP_DEADLINE, "relink does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(config: &Path, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    command.arg("--config").arg(config).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

/// Each line with the moment it came. Reads to the end, so that the program never waits for it.
fn read_lines(stderr: ChildStderr) -> Receiver<(Instant, String)> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // Nobody listens any more once it runs.
            let _ = sender.send((Instant::now(), line));
        }
    });
    receiver
}
