//! What is wrong with a configuration, in words an operator can act on without reading code.
//!
//! A problem names its place, says what is wrong there and what to do about it. It never holds a
//! secret: the reader leaves out the value of every key that may carry one.

use std::fmt;
use std::path::PathBuf;

/// One fault, or one warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The full key, such as `policy.steps[1].at`.
    pub key: String,
    /// The line of the file, from 1; none when the file does not mention the key.
    pub line: Option<usize>,
    /// The value as written, shortened; none for secrets, tables and lists.
    pub value: Option<String>,
    /// What is wrong: reads on after the key.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}\n    to fix: {}", self.what, self.remedy)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error(
        "there is no configuration file {} ({named_by})\n    to fix: copy config/relink.toml of the release there and edit it, or name another file with --config or RELINK_CONFIG",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What named it: `--config`, `RELINK_CONFIG` or the default.
        named_by: &'static str,
    },
    /// The file is there and cannot be read.
    #[error(
        "the configuration file {} ({named_by}) cannot be read\n    to fix: make it a regular file that this user may read",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What named it.
        named_by: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is there and is not a configuration: too large, or not text.
    #[error("the configuration file {} is {why}\n    to fix: name a TOML file", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// Everything that is wrong with the file, in the order of its lines.
    #[error("{}", all(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// At least one.
        problems: Vec<Problem>,
        /// What would have been worth a warning besides.
        warnings: Vec<Problem>,
    },
}

impl ConfigError {
    /// The list behind [`ConfigError::Invalid`]; empty for the others.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems, .. } => problems,
            Self::Missing { .. } | Self::Unreadable { .. } | Self::NotText { .. } => &[],
        }
    }
}

fn all(path: &std::path::Path, problems: &[Problem]) -> String {
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    };
    let list: String = problems.iter().map(|problem| format!("\n  - {problem}")).collect();
    format!("{} has {count}:{list}", path.display())
}
