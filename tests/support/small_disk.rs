//! A disk that a test can fill: a file system in memory, mounted in a namespace of the test's own.

use crate::namespace::{run, tool};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The least that a file takes.
const PAGE: u64 = 4096;

/// A mounted disk; unmounted, and its folder removed, when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many MiB.
    pub fn mount(mebibytes: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("relink-disk-").tempdir().unwrap();
        let options = format!("size={mebibytes}m,mode=0700");
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", folder.path().to_str().unwrap()]);
        Self { folder }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes what is left of it but for so many bytes, in a file that does nothing else.
    pub fn fill(&self, leave: u64) {
        let file = OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        let mut piece = self.left();
        while self.left() > leave && piece >= PAGE {
            piece = piece.min(self.left() - leave);
            let end = file.metadata().unwrap().len();
            // Somebody else may have taken of it meanwhile: then a smaller piece.
            if fallocate(&file, FallocateFlags::empty(), end, piece).is_err() {
                piece /= 2;
            }
        }
    }

    /// Gives back what [`Self::fill`] took.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    /// Bytes that can still be written.
    pub fn left(&self) -> u64 {
        let disk = statvfs(self.path()).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server may end a moment later. The namespace takes the mount with it anyway,
        // but its folder could not be removed before.
        let _ = tool("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolated;
    use std::io::ErrorKind;

    #[tokio::test]
    async fn a_filled_disk_takes_nothing_until_it_is_freed() {
        isolated(async || {
            let disk = SmallDisk::mount(4);
            let (path, file) = (disk.path().to_owned(), disk.path().join("file"));
            disk.fill(1024 * 1024);
            assert_eq!(disk.left(), 1024 * 1024);
            std::fs::write(&file, vec![1; 512 * 1024]).unwrap();
            disk.fill(0);
            let error = std::fs::write(&file, vec![1; 1024 * 1024]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            disk.free();
            std::fs::write(&file, vec![1; 1024 * 1024]).unwrap();
            drop(disk);
            assert!(!path.exists());
        })
        .await;
    }
}
