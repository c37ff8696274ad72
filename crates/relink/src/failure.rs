//! How the program ends when it does not succeed. The exit code says who has to act.

use relink_cobalt::CobaltError;
use relink_config::ConfigError;
use relink_http::server::BindError;
use relink_queue::QueueError;
use relink_queue::log::LogError;
use relink_receiver::quarantine::FolderError;
use relink_store::StoreError;
use relink_worker::reconcile::RoundError;
use std::process::ExitCode;

/// A message for standard error, and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const CONFIG: u8 = 64;
const UNAVAILABLE: u8 = 69;
const DISK: u8 = 74;

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: FAILED, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self { code: CONFIG, message: message.into() }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: UNAVAILABLE, message: message.into() }
    }

    pub(crate) fn disk(message: impl Into<String>) -> Self {
        Self { code: DISK, message: message.into() }
    }

    /// What went wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether the service it needs is away, which may pass by itself.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.code == UNAVAILABLE
    }

    /// The same failure, with what was done before it.
    pub(crate) fn after(self, done: &str) -> Self {
        Self { code: self.code, message: format!("{}\n{done}", self.message) }
    }

    /// Prints the message and answers the exit code.
    #[expect(clippy::print_stderr, reason = "the last word of a command-line program")]
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("relink: {}", self.message);
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::config(error.to_string())
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::disk(chain(&error))
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        Self::disk(chain(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = chain(&error);
        match error {
            StoreError::Unavailable(_) => Self::unavailable(message),
            StoreError::Disk(_) => Self::disk(message),
            StoreError::Schema(_)
            | StoreError::Sealed(_)
            | StoreError::NeverBegun(_)
            | StoreError::Refused(_) => Self::failed(message),
        }
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        let message = chain(&error);
        match error {
            QueueError::Unreachable { .. } => Self::unavailable(message),
            QueueError::Disk { .. } => Self::disk(message),
            // Trying again changes nothing, and the supervisor must not.
            QueueError::Mismatch(_) | QueueError::Taken { .. } => Self::config(message),
            QueueError::NoSuchLetter(_) => Self::failed(message),
        }
    }
}

impl From<RoundError> for Failure {
    fn from(error: RoundError) -> Self {
        let message = chain(&error);
        match error {
            RoundError::Store(error) => error.into(),
            RoundError::Cobalt(error) => Self { code: Self::from(error).code, message },
            RoundError::NoAccountAnswers { source, .. } => {
                Self { code: Self::from(*source).code, message }
            }
            RoundError::Endless { .. } | RoundError::Incomplete { .. } | RoundError::Overtaken => {
                Self::failed(message)
            }
        }
    }
}

impl From<CobaltError> for Failure {
    fn from(error: CobaltError) -> Self {
        let message = chain(&error);
        match error {
            CobaltError::Call { .. } => Self::unavailable(message),
            CobaltError::Refused { status, .. } if status >= 500 || status == 429 => {
                Self::unavailable(message)
            }
            CobaltError::Refused { .. }
            | CobaltError::LoginRequired { .. }
            | CobaltError::Unreadable { .. }
            | CobaltError::BadAccessToken => Self::failed(message),
        }
    }
}

impl From<relink_core::id::InvalidValue> for Failure {
    fn from(error: relink_core::id::InvalidValue) -> Self {
        Self::usage(error.to_string())
    }
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
