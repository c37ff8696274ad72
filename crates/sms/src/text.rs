//! The words of a text message: one GSM-7 segment with the whole link in it. A longer message
//! costs more, arrives in pieces and can arrive without the piece that matters.
//!
//! When it gets tight the opt-out words go first, then the long sentence, then the end of the
//! sender's name; the link is never touched. Nothing here knows an EHR, a clinic or a person.

use crate::gsm7;
use minijinja::{Environment, UndefinedBehavior, context};
use relink_core::signal::SignalKind;

/// What one segment holds.
const SEGMENT: usize = 160;

/// A name shorter than this says nothing.
const SHORTEST_NAME: usize = 3;

/// Characters of a link after `public_url`: `/r/` and the token.
const LINK_TAIL: usize = 3 + 43;

const OPT_OUT: &str = " Reply STOP to opt out";

/// The file names are the names in the environment; each ends with `.txt`, which escapes nothing.
const TEMPLATES: [(&str, &str); 3] = [
    (LOGIN_REQUIRED, include_str!("../templates/en/login_required.txt")),
    (LOGIN_REQUIRED_REMINDER, include_str!("../templates/en/login_required_reminder.txt")),
    (PASSWORD_CHANGE_WARNING, include_str!("../templates/en/password_change_warning.txt")),
];
const LOGIN_REQUIRED: &str = "login_required.txt";
const LOGIN_REQUIRED_REMINDER: &str = "login_required_reminder.txt";
const PASSWORD_CHANGE_WARNING: &str = "password_change_warning.txt";

/// Every message this instance sends, proven to fit when it was made.
#[derive(Debug)]
pub(crate) struct Texts {
    templates: Environment<'static>,
    name: String,
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The link leaves no room for words.
    #[error("the link is {excess} characters too long for one text message")]
    LinkTooLong {
        /// By how many septets.
        excess: usize,
    },
    /// The link has a character that no text message alphabet has.
    #[error("the link has the character {0:?}, which a text message cannot carry")]
    LinkNotGsm7(char),
    /// Nobody is texted about this.
    #[error("there is no text message for \"{0}\"")]
    NoSuchMessage(SignalKind),
    /// A template of ours is broken.
    #[error("a text message template cannot be rendered")]
    Template(#[source] minijinja::Error),
}

impl Texts {
    /// Takes the name that messages begin with and proves that every message fits with links
    /// that start with `public_url`.
    pub(crate) fn new(instance_name: &str, public_url: &str) -> Result<Self, TextError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            templates.add_template(name, source).map_err(TextError::Template)?;
        }
        let texts = Self { templates, name: gsm7::fold(instance_name) };
        let link = format!("{}{}", public_url.trim_end_matches('/'), "x".repeat(LINK_TAIL));
        let mut most = 0;
        for (template, _) in TEMPLATES {
            match texts.fit(template, &link) {
                Ok(_) => {}
                Err(TextError::LinkTooLong { excess }) => most = most.max(excess),
                Err(error) => return Err(error),
            }
        }
        if most > 0 { Err(TextError::LinkTooLong { excess: most }) } else { Ok(texts) }
    }

    /// The message about `kind`; `reminder` when an earlier one has gone out.
    pub(crate) fn render(
        &self,
        kind: SignalKind,
        reminder: bool,
        link: &str,
    ) -> Result<String, TextError> {
        let template = match (kind, reminder) {
            (SignalKind::LoginRequired, false) => LOGIN_REQUIRED,
            (SignalKind::LoginRequired, true) => LOGIN_REQUIRED_REMINDER,
            (SignalKind::PasswordChangeWarning, _) => PASSWORD_CHANGE_WARNING,
            (SignalKind::Repaired, _) => return Err(TextError::NoSuchMessage(kind)),
        };
        self.fit(template, link)
    }

    /// The fullest form of a message that fits one segment.
    fn fit(&self, template: &str, link: &str) -> Result<String, TextError> {
        let forms = [(false, OPT_OUT), (true, OPT_OUT), (false, ""), (true, "")];
        for (short, opt_out) in forms {
            let text = self.fill(template, &self.name, Words { short, link, opt_out })?;
            if septets(&text)? <= SEGMENT {
                return Ok(text);
            }
        }
        let shortest = Words { short: true, link, opt_out: "" };
        let nameless = self.fill(template, "", shortest)?;
        let taken = septets(&nameless)?;
        if taken > SEGMENT {
            return Err(TextError::LinkTooLong { excess: taken - SEGMENT });
        }
        let name = gsm7::cut(&self.name, (SEGMENT - taken).saturating_sub(": ".len()));
        if name.len() < SHORTEST_NAME {
            return Ok(nameless);
        }
        self.fill(template, name, shortest)
    }

    fn fill(&self, template: &str, name: &str, words: Words<'_>) -> Result<String, TextError> {
        let Words { short, link, opt_out } = words;
        self.templates
            .get_template(template)
            .and_then(|template| template.render(context! { name, short, link, opt_out }))
            .map_err(TextError::Template)
    }
}

#[derive(Clone, Copy)]
struct Words<'a> {
    short: bool,
    link: &'a str,
    opt_out: &'a str,
}

/// Only the link can be outside the alphabet: the name is folded and the templates are ours.
fn septets(text: &str) -> Result<usize, TextError> {
    gsm7::septets(text).map_err(TextError::LinkNotGsm7)
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
