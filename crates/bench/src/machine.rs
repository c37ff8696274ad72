//! What the machine was like: figures without it mean nothing.

use anyhow::Context as _;
use serde::Serialize;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Times that the disk is asked.
const SYNCS: usize = 21;

/// What counts for speed.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    /// Kernel and build.
    pub(crate) system: String,
    /// Over the last minute, five and fifteen, before the first round.
    pub(crate) load: String,
    /// Median time to write 4 KiB and sync them, in milliseconds.
    pub(crate) fsync_ms: f64,
    /// A debug build measures nothing worth keeping.
    pub(crate) release_build: bool,
}

impl Machine {
    /// Looks; `folder` is on the disk that will be used.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            cpu: cpu().unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            system: read("/proc/sys/kernel/osrelease")?,
            load: load()?,
            fsync_ms: fsync(folder)?.as_secs_f64() * 1e3,
            release_build: !cfg!(debug_assertions),
        })
    }
}

/// The load averages just now.
pub(crate) fn load() -> anyhow::Result<String> {
    let text = read("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

fn read(path: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    Ok(text.trim().to_owned())
}

fn fsync(folder: &Path) -> anyhow::Result<Duration> {
    let path = folder.join("fsync");
    let mut file = File::create(&path).with_context(|| path.display().to_string())?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    std::fs::remove_file(&path)?;
    took.sort_unstable();
    took.get(SYNCS / 2).copied().context("no sync was timed")
}
