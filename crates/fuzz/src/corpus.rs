//! The kept examples of a target: one file each, in the tree, read in the order of their names.
//! What has ever made a target fail stays among them.

use crate::random::hash;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A kept example.
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Every file of `folder`. One that is missing or empty fails: a target without an example tests
/// nothing.
pub(crate) fn load(folder: &Path) -> Vec<Example> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let listed = listed.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = listed.into_iter().map(|entry| entry.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{}: no example in it", folder.display());
    files.into_iter().map(|path| example(&path)).collect()
}

fn example(path: &Path) -> Example {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Example { name, bytes }
}

/// Keeps an input that a target has failed on.
pub(crate) fn keep(folder: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let path = folder.join(format!("regression-{:016x}", hash(bytes)));
    fs::write(&path, bytes)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_loaded_again_and_an_empty_corpus_is_a_fault() {
        let folder = std::env::temp_dir().join(format!("relink-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(std::panic::catch_unwind(|| load(&folder)).is_err());
        let path = keep(&folder, b"bad\0input").unwrap();
        let kept = load(&folder);
        assert_eq!((kept.len(), &kept[0].bytes[..]), (1, &b"bad\0input"[..]));
        assert_eq!(path.file_name().unwrap().to_str(), Some(&kept[0].name[..]));
        fs::remove_dir_all(&folder).unwrap();
        assert!(std::panic::catch_unwind(|| load(&folder)).is_err());
    }
}
