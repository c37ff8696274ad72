//! A control group of one test's own, for what the kernel does to the processes in it: all of
//! them stopped at once, or one of them ended because there is no memory. Either version of
//! control groups will do; where none can be made, the caller is told why.

use rustix::process::Pid;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the kernel keeps them, by custom.
const ROOT: &str = "/sys/fs/cgroup";

/// How long the kernel may take to stop a process, or to let go of one that ended.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a control group is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// Stopping and continuing.
    Freezer,
    /// A limit of memory.
    Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// A tree for each controller.
    One,
    /// One tree for all.
    Two,
}

/// A control group; removed when dropped, and then it must be empty.
#[derive(Debug)]
pub struct Cgroup {
    folder: PathBuf,
    version: Version,
}

impl Cgroup {
    /// Makes one.
    ///
    /// # Errors
    /// Why there is none for this process: no right to, or a kernel without.
    pub fn new(controller: Controller) -> Result<Self, String> {
        let (tree, file) = match controller {
            Controller::Freezer => ("freezer", "cgroup.freeze"),
            Controller::Memory => ("memory", "memory.max"),
        };
        let first = Path::new(ROOT).join(tree);
        let (parent, version) = if first.is_dir() {
            (first, Version::One)
        } else {
            (PathBuf::from(ROOT), Version::Two)
        };
        let folder = parent.join(format!("relink-test-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let group = Self { folder, version };
        if version == Version::Two && !group.folder.join(file).is_file() {
            return Err(format!("{ROOT} has no {file} in its groups"));
        }
        Ok(group)
    }

    /// Moves a process in, with what it starts from now on.
    pub fn add(&self, process: Pid) {
        self.write("cgroup.procs", &process.as_raw_nonzero().to_string());
    }

    /// Lets all of its processes neither run nor end, or go on; returns once that is so.
    pub fn freeze(&self, frozen: bool) {
        let (file, word, shown_in, shown) = match (self.version, frozen) {
            (Version::One, true) => ("freezer.state", "FROZEN", "freezer.state", "FROZEN"),
            (Version::One, false) => ("freezer.state", "THAWED", "freezer.state", "THAWED"),
            (Version::Two, true) => ("cgroup.freeze", "1", "cgroup.events", "frozen 1"),
            (Version::Two, false) => ("cgroup.freeze", "0", "cgroup.events", "frozen 0"),
        };
        self.write(file, word);
        self.until(word, || self.read(shown_in).lines().any(|line| line == shown));
    }

    /// Lets it have so many bytes of memory and no swap; with more, the kernel ends one of it.
    pub fn limit_memory(&self, bytes: u64) {
        let (memory, swap) = match self.version {
            Version::One => ("memory.limit_in_bytes", "memory.swappiness"),
            Version::Two => ("memory.max", "memory.swap.max"),
        };
        self.write(memory, &bytes.to_string());
        // Absent where the kernel has no swap at all.
        if self.folder.join(swap).is_file() {
            self.write(swap, "0");
        }
    }

    /// How many of its processes the kernel has ended for their memory.
    pub fn killed_for_memory(&self) -> u64 {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = self.read(file);
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.unwrap_or_else(|| panic!("{file} has no oom_kill: {text}")).parse().unwrap()
    }

    /// The file that a process writes its id to in order to move in.
    pub fn door(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.folder.join(file);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn read(&self, file: &str) -> String {
        let path = self.folder.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(started.elapsed() < DEADLINE, "{} is not {what}", self.folder.display());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel lets go of a process a moment after its end.
        let started = Instant::now();
        loop {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                Ok(()) | Err(_) => return,
            }
            if started.elapsed() > DEADLINE {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
