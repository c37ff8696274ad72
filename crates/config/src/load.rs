//! From a path to a checked [`Config`]: find the file, read it, walk it, give either everything
//! or the whole list of faults. A half-good configuration is never returned.

use crate::reader;
use crate::sections::{read_config, read_config_without_store};
use crate::{Config, ConfigError, Env, Problem, ProcessRole};
use std::io;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The file that is read when nothing names another.
pub const DEFAULT_PATH: &str = "config/relink.toml";

/// The variable that names the file.
pub const PATH_VARIABLE: &str = "RELINK_CONFIG";

/// A file far beyond this is no configuration but a mistake in the path.
const MAX_BYTES: u64 = 1024 * 1024;

/// A configuration and what was noticed on the way.
#[derive(Debug)]
pub struct Loaded {
    /// The checked values.
    pub config: Config,
    /// What works but deserves a look, in the order of lines.
    pub warnings: Vec<Problem>,
    /// The file it came from.
    pub path: PathBuf,
}

impl Config {
    /// Reads the file named by `path` (`--config`), else by `RELINK_CONFIG`, else
    /// `config/relink.toml`. Relative paths, in the file too, start at the current directory.
    ///
    /// # Errors
    /// [`ConfigError`]: no file, or every fault in it.
    pub fn load(path: Option<&Path>, env: &dyn Env) -> Result<Loaded, ConfigError> {
        let (text, path) = find(path, env)?;
        Self::parse(&text, path, Path::new(""), env)
    }

    /// [`Self::load`] for a process of `role`: a receiver, which faces the network, neither fetches
    /// the keys of access tokens nor learns where the store is, and needs neither to be there.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_for(
        role: ProcessRole,
        path: Option<&Path>,
        env: &dyn Env,
    ) -> Result<Loaded, ConfigError> {
        let (text, path) = find(path, env)?;
        let walk = match role {
            ProcessRole::Receive => read_config_without_store,
            ProcessRole::Run | ProcessRole::Work | ProcessRole::Web => read_config,
        };
        checked(reader::read(&text, Path::new(""), env, walk), path)
    }

    /// Reads `text`. `file` names it in errors; relative paths in it start at `base_dir`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every fault.
    pub fn parse(
        text: &str,
        file: impl Into<PathBuf>,
        base_dir: &Path,
        env: &dyn Env,
    ) -> Result<Loaded, ConfigError> {
        checked(reader::read(text, base_dir, env, read_config), file.into())
    }
}

fn checked(
    (config, report): (Option<Config>, reader::Report),
    path: PathBuf,
) -> Result<Loaded, ConfigError> {
    let (problems, warnings) = (report.problems, report.warnings);
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, warnings, path }),
        Some(_) | None => Err(ConfigError::Invalid { path, problems, warnings }),
    }
}

/// The text of the file, and which file it is.
fn find(path: Option<&Path>, env: &dyn Env) -> Result<(String, PathBuf), ConfigError> {
    let from_variable = env.var(PATH_VARIABLE).filter(|name| !name.is_empty());
    let (path, named_by) = match (path, from_variable) {
        (Some(path), _) => (path.to_owned(), "named by --config"),
        (None, Some(path)) => (PathBuf::from(path), "named by RELINK_CONFIG"),
        (None, None) => (PathBuf::from(DEFAULT_PATH), "the default"),
    };
    Ok((read_text(&path, named_by)?, path))
}

fn read_text(path: &Path, named_by: &'static str) -> Result<String, ConfigError> {
    let failed = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            return ConfigError::Missing { path, named_by };
        }
        ConfigError::Unreadable { path, named_by, source }
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    let not_text = |why| ConfigError::NotText { path: path.to_owned(), why };
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_BYTES) {
        return Err(not_text("larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| not_text("not UTF-8 text"))
}
