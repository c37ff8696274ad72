//! Processes that run out of memory: in a control group with a limit, where the kernel ends one of
//! them; or, where no such group can be made, by a limit on what one may still ask for, at which it
//! ends itself. Which of the two it was is printed.

use crate::cgroup::{Cgroup, Controller};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::process::{Child, Command, Stdio};

/// Memory for a process, and what takes it away.
pub struct ScarceMemory(Option<Cgroup>);

/// Something beside a process that takes the memory of both; ends with this value.
pub struct Neighbour(Option<Child>);

impl ScarceMemory {
    /// So many bytes for whatever is confined to it.
    pub fn of(bytes: u64) -> Self {
        let group = Cgroup::new(Controller::Memory).inspect(|group| group.limit_memory(bytes));
        if let Err(why) = &group {
            println!("no control group with a memory limit ({why}): prlimit in its place");
        }
        Self(group.ok())
    }

    /// Puts a process under the limit.
    pub fn confine(&self, process: Pid) {
        match &self.0 {
            Some(group) => group.add(process),
            None => {
                // What it has stays its own; the next page that it asks for is refused.
                let nothing = Rlimit { current: Some(1), maximum: None };
                for resource in [Resource::Data, Resource::As] {
                    prlimit(Some(process), resource, nothing).unwrap();
                }
            }
        }
    }

    /// Starts what takes the memory of a confined process, which the kernel then ends first. Does
    /// nothing where there is no group to share.
    pub fn neighbour_of(&self, process: Pid) -> Neighbour {
        let Some(group) = &self.0 else { return Neighbour(None) };
        let score = format!("/proc/{}/oom_score_adj", process.as_raw_nonzero());
        std::fs::write(score, "1000").unwrap();
        let greedy = Command::new("/bin/sh")
            // A line without an end, which it wants to see whole.
            .args(["-c", "echo $$ > \"$0\" && exec sort /dev/zero"])
            .arg(group.door())
            .stdout(Stdio::null())
            .spawn();
        Neighbour(Some(greedy.unwrap()))
    }

    /// Whether a process that ended with this code, as a shell says it, ended for its memory.
    pub fn explains(&self, ended: i32) -> bool {
        match self.0 {
            // SIGKILL by the kernel.
            Some(_) => ended == 128 + 9,
            // SIGABRT by its allocator, or a failure where no thread could be started.
            None => ended == 128 + 6 || ended == 1,
        }
    }

    /// How many processes the kernel has ended so far; `None` where it does not.
    pub fn killed(&self) -> Option<u64> {
        self.0.as_ref().map(Cgroup::killed_for_memory)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // Fails when the kernel ended it too.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
