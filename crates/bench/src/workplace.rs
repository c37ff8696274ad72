//! Where measurements are made: one folder on a real disk, removed at the end, and the number of
//! rounds they all have.

use crate::Common;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder and the rounds.
pub(crate) struct Workplace {
    folder: TempDir,
    pub(crate) rounds: u16,
}

impl Workplace {
    pub(crate) fn new(common: &Common) -> anyhow::Result<Self> {
        let target = PathBuf::from("target");
        let parent = match &common.folder {
            Some(folder) => folder.clone(),
            None if target.is_dir() => target,
            None => std::env::temp_dir(),
        };
        let folder = tempfile::Builder::new()
            .prefix("relink-bench-")
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        Ok(Self { folder, rounds: common.rounds })
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new folder in it.
    pub(crate) fn fresh(&self, name: &str) -> anyhow::Result<TempDir> {
        tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(self.folder())
            .with_context(|| format!("cannot make a folder in {}", self.folder().display()))
    }
}
