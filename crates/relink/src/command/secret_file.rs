//! A secret on its way into a file: only its owner may read it, it is there whole or not at all,
//! and what was there before stays unless its replacement was asked for. Made ready before the
//! secret exists, so that none is drawn that has nowhere to go.

use crate::failure::Failure;
use relink_core::masked::Secret;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file to be. Its draft goes with it.
#[derive(Debug)]
pub(crate) struct SecretFile {
    /// Where it will be, from the root on: the configuration may be read from another folder.
    path: PathBuf,
    draft: PathBuf,
    file: File,
    overwrite: bool,
}

/// What is there already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// Exactly this secret.
    Same,
    /// Something else.
    Other,
}

/// What stands at `path`, compared with `secret`.
pub(crate) fn found(path: &Path, secret: &Secret) -> Result<Found, Failure> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim_end_matches(['\r', '\n']) == secret.expose() => Ok(Found::Same),
        Ok(_) => Ok(Found::Other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Found::Other),
        Err(error) => Err(cannot("read", path, &error)),
    }
}

impl SecretFile {
    /// Makes sure that the secret can be written.
    pub(crate) fn prepare(path: &Path, overwrite: bool) -> Result<Self, Failure> {
        let path = std::path::absolute(path).map_err(|error| cannot("write", path, &error))?;
        if !overwrite && fs::symlink_metadata(&path).is_ok() {
            return Err(exists(&path));
        }
        let Some(name) = path.file_name() else {
            return Err(Failure::usage(format!("{} names no file", path.display())));
        };
        let mut draft = name.to_owned();
        draft.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
        let draft = path.with_file_name(draft);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
        let file = file.map_err(|error| cannot("write", &path, &error))?;
        Ok(Self { path, draft, file, overwrite })
    }

    /// Writes the secret, synced to the disk before its name appears.
    pub(crate) fn write(mut self, secret: &Secret) -> Result<PathBuf, Failure> {
        self.put(secret).map_err(|error| {
            let taken = error.kind() == io::ErrorKind::AlreadyExists;
            if taken { exists(&self.path) } else { cannot("write", &self.path, &error) }
        })?;
        Ok(self.path.clone())
    }

    fn put(&mut self, secret: &Secret) -> io::Result<()> {
        self.file.write_all(secret.expose().as_bytes())?;
        self.file.write_all(b"\n")?;
        self.file.sync_all()?;
        if self.overwrite {
            fs::rename(&self.draft, &self.path)?;
        } else {
            // Unlike a rename, a link replaces nothing.
            fs::hard_link(&self.draft, &self.path)?;
        }
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        // Gone already after a rename.
        let _ = fs::remove_file(&self.draft);
    }
}

fn exists(path: &Path) -> Failure {
    Failure::failed(format!(
        "{} is there already and was left as it is; name another file, or add --overwrite",
        path.display()
    ))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::disk(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn secret() -> Secret {
        Secret::new("whsec_1")
    }

    #[test]
    fn a_secret_is_its_owners_alone_and_nothing_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        assert_eq!(found(&path, &secret()).unwrap(), Found::Nothing);
        let file = SecretFile::prepare(&path, false).unwrap();
        assert!(!path.exists(), "nothing under its name before it is whole");
        assert_eq!(file.write(&secret()).unwrap(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "whsec_1\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays");
        assert_eq!(found(&path, &secret()).unwrap(), Found::Same);
        assert_eq!(found(&path, &Secret::new("whsec_2")).unwrap(), Found::Other);
    }

    #[test]
    fn what_is_there_stays_unless_its_replacement_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let late = SecretFile::prepare(&path, false).unwrap();
        fs::write(&path, "older").unwrap();
        for refused in
            [SecretFile::prepare(&path, false).map(drop), late.write(&secret()).map(drop)]
        {
            assert!(refused.unwrap_err().message().contains("--overwrite"));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "older");
        SecretFile::prepare(&path, true).unwrap().write(&secret()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whsec_1\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(SecretFile::prepare(&dir.path().join("never"), false).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays");
        assert!(SecretFile::prepare(&dir.path().join("none/secret"), false).is_err());
    }
}
