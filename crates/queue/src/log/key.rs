//! The file that holds the key of spool and queue: made once, readable by its owner, never
//! overwritten. Losing it loses every record that waits, so nothing here replaces a file.

use super::LogError;
use super::disk::create_dir;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use relink_core::masked::Secret;
use relink_core::seal::{KEY_LEN, SealKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The key in the file at `path`, which is made with 32 random bytes when it is missing: mode
/// 0600, complete and durable before its name appears. Two processes that start at once get the
/// same key. `id` names the key in messages.
///
/// # Errors
/// [`LogError::Key`] when the file is open to every user or holds no key; [`LogError::Io`].
pub fn load_or_create_key(path: &Path, id: &str) -> Result<SealKey, LogError> {
    match File::open(path) {
        Ok(file) => load(path, file, id),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path)?;
            let file = File::open(path).map_err(LogError::io("open", path))?;
            load(path, file, id)
        }
        Err(error) => Err(LogError::io("open", path)(error)),
    }
}

fn load(path: &Path, mut file: File, id: &str) -> Result<SealKey, LogError> {
    let unfit = |why: String| LogError::Key { path: path.to_owned(), why };
    let mode = file.metadata().map_err(LogError::io("inspect", path))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(unfit(format!(
            "every user of this machine has access to it (mode {:03o}); run chmod 600 on it",
            mode & 0o777
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(LogError::io("read", path))?;
    SealKey::from_text(id, &Secret::new(text)).map_err(|error| unfit(error.to_string()))
}

fn create(path: &Path) -> Result<(), LogError> {
    let dir = match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        Some(_) | None => Path::new("."),
    };
    create_dir(dir).map_err(LogError::io("create", dir))?;
    let draft = draft_of(path);
    let made = write_new(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        // Another process was faster: its key is the key.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // A draft left behind is harmless; the link is what counts.
    let _ = fs::remove_file(&draft);
    made.and_then(|()| File::open(dir)?.sync_all()).map_err(LogError::io("create", path))
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    path.with_file_name(name)
}

fn write_new(path: &Path) -> io::Result<()> {
    let mut key = Zeroizing::new([0_u8; KEY_LEN]);
    aws_lc_rs::rand::fill(key.as_mut()).map_err(|_| io::Error::other("no random numbers"))?;
    let text = Zeroizing::new(format!("{}\n", BASE64.encode(key.as_ref())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/spool.key");
        let keys: Vec<SealKey> = std::thread::scope(|scope| {
            let made: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| load_or_create_key(&path, "spool").unwrap()))
                .collect();
            made.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let sealed = keys[0].seal([1; 12], b"place", b"text").unwrap();
        for key in &keys {
            assert_eq!(key.open(b"place", &sealed).unwrap(), b"text");
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays");
    }

    #[test]
    fn a_key_that_everybody_can_read_or_that_is_none_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool.key");
        fs::write(&path, "ab".repeat(32)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let open = load_or_create_key(&path, "spool").unwrap_err().to_string();
        assert!(open.contains("chmod 600") && open.contains("644"), "{open}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        load_or_create_key(&path, "spool").unwrap();
        fs::write(&path, "not a key").unwrap();
        let bad = load_or_create_key(&path, "spool").unwrap_err().to_string();
        assert!(bad.contains("32 random bytes") && bad.contains("spool.key"), "{bad}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key");
    }
}
