//! The clock of one process set to another time than everybody else's, at its start or while it
//! runs, by libfaketime. Its monotonic clock is left alone, as by a person or a time server that
//! sets the clock of a real machine.

use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How far the clock of a process is ahead. The process rereads it at every look at its clock.
pub struct FakeClock {
    folder: TempDir,
    library: PathBuf,
}

impl FakeClock {
    /// A clock that is so many seconds ahead of everybody else's, or behind when negative.
    ///
    /// # Panics
    /// When libfaketime is not installed.
    pub fn ahead_by(seconds: i64) -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap(), library: library() };
        clock.set(seconds);
        clock
    }

    /// Steps to another offset.
    pub fn set(&self, seconds: i64) {
        // Renamed into place: a file that is half written would be an error to the reader.
        let new = self.folder.path().join("new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// What a process needs in its environment to have this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}

/// The variant for programs with threads, where Debian and other systems keep it.
fn library() -> PathBuf {
    let lib = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let places = lib.map(|entry| entry.path());
    let places = places.chain(["/usr/lib", "/usr/local/lib"].map(PathBuf::from));
    let mut files = places.map(|place| place.join("faketime").join("libfaketimeMT.so.1"));
    files.find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("there is no libfaketimeMT.so.1: tests of clocks need the Debian package faketime")
    })
}
