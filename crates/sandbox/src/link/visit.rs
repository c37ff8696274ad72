//! One token's way through Link: what a person sees next, and when the account is repaired. Pure,
//! but for the ids and codes that are drawn.

use super::LinkBehaviour;
use std::time::{Duration, Instant};

/// What a person sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Screen {
    /// User name and password are asked for.
    Login { visit: String, said: Option<Said> },
    /// The code is asked for, and told: this is a sandbox.
    Code { visit: String, code: String, said: Option<Said> },
    /// Signed in again; the account to repair goes with it.
    Done { public_token: String, repairs: Option<String> },
    /// There is no way in with this token.
    Over(Over),
}

/// Why a screen is shown once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// User name or password is missing.
    BothAreNeeded,
    /// It is not the code.
    WrongCode,
    /// It was the code, but the EHR did not take it.
    NotTaken,
    /// It was the code, and nothing comes of it.
    NoAnswer,
}

/// Why a token does not open Link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Link was opened with it before, or it has done its work.
    Used,
    /// Its lifetime has passed.
    Old,
    /// It was never made.
    Unknown,
}

/// What was filled in.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) user_name: String,
    pub(super) password: String,
    pub(super) code: String,
}

/// A link token and how far its visit is.
#[derive(Debug)]
pub(super) struct Token {
    account: Option<String>,
    behaviour: LinkBehaviour,
    minted_at: Instant,
    step: Step,
    /// Names the visit in the page's form, so that the token itself need not be there.
    visit: String,
    code: String,
    has_failed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Unopened,
    Login,
    Code,
    Done,
}

impl Token {
    pub(super) fn new(account: Option<String>, behaviour: LinkBehaviour) -> Self {
        Self {
            account,
            behaviour,
            minted_at: Instant::now(),
            step: Step::Unopened,
            visit: uuid::Uuid::new_v4().simple().to_string(),
            code: new_code(),
            has_failed: false,
        }
    }

    pub(super) fn is_old(&self, now: Instant, lifetime: Duration) -> bool {
        now.saturating_duration_since(self.minted_at) >= lifetime
    }

    /// Whether this is the visit, and it goes on.
    pub(super) fn is_open_as(&self, visit: &str) -> bool {
        self.visit == visit && matches!(self.step, Step::Login | Step::Code)
    }

    pub(super) fn open(&mut self) -> Screen {
        if self.step != Step::Unopened {
            return Screen::Over(Over::Used);
        }
        match self.behaviour {
            LinkBehaviour::FullLogin => {
                self.step = Step::Login;
                Screen::Login { visit: self.visit.clone(), said: None }
            }
            LinkBehaviour::OtpOnly
            | LinkBehaviour::FailsOnce
            | LinkBehaviour::NeverCompletes
            | LinkBehaviour::ScriptUnavailable
            | LinkBehaviour::CompletesWithoutRepair => {
                self.step = Step::Code;
                self.ask_for_code(None)
            }
        }
    }

    pub(super) fn submit(&mut self, given: &Given) -> Screen {
        match self.step {
            Step::Unopened | Step::Done => Screen::Over(Over::Used),
            Step::Login if given.user_name.trim().is_empty() || given.password.is_empty() => {
                Screen::Login { visit: self.visit.clone(), said: Some(Said::BothAreNeeded) }
            }
            Step::Login => {
                self.step = Step::Code;
                self.ask_for_code(None)
            }
            Step::Code => self.take_code(&given.code),
        }
    }

    fn take_code(&mut self, code: &str) -> Screen {
        // People type what they read: "123 456".
        if code.replace(char::is_whitespace, "") != self.code {
            return self.ask_for_code(Some(Said::WrongCode));
        }
        match self.behaviour {
            LinkBehaviour::NeverCompletes => self.ask_for_code(Some(Said::NoAnswer)),
            LinkBehaviour::FailsOnce if !self.has_failed => {
                self.has_failed = true;
                self.code = new_code();
                self.ask_for_code(Some(Said::NotTaken))
            }
            LinkBehaviour::CompletesWithoutRepair => self.finish(None),
            LinkBehaviour::OtpOnly
            | LinkBehaviour::FullLogin
            | LinkBehaviour::FailsOnce
            | LinkBehaviour::ScriptUnavailable => self.finish(self.account.clone()),
        }
    }

    fn ask_for_code(&self, said: Option<Said>) -> Screen {
        Screen::Code { visit: self.visit.clone(), code: self.code.clone(), said }
    }

    fn finish(&mut self, repairs: Option<String>) -> Screen {
        self.step = Step::Done;
        Screen::Done { public_token: format!("pt_{}", uuid::Uuid::new_v4().simple()), repairs }
    }
}

fn new_code() -> String {
    format!("{:06}", uuid::Uuid::new_v4().as_u128() % 1_000_000)
}
