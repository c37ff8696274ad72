//! Who is behind a request: somebody with a hand on the page, or something that may be a program.
//! Pure. A hint for the timeline, never a right: a program that moves a real pointer is a person
//! here, and a person whose browser says nothing is unproven.

use relink_core::visit::{VisitStep, Visitor};
use serde::Deserialize;

/// What our script sends along. Without it, in a plain form, there is no body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    /// Whether a pointer, a key or a finger was on the page before: an event that the browser
    /// itself made (`isTrusted`).
    #[serde(default)]
    pub(crate) hand: bool,
    /// Steps that only the page can see.
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// Whether Link opens in a tab of its own: only then is there a way back by the callback.
    #[serde(default)]
    pub(crate) window: bool,
}

/// The steps that a page may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Opened,
    Launched,
    Left,
    CameBack,
}

/// Steps in one report at most.
const MAX_STEPS: usize = 4;

impl Said {
    /// Reads a body; an empty one is a plain form.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn read(body: &[u8], is_json: bool) -> Result<Option<Self>, NotSaid> {
        if !is_json {
            return Ok(None);
        }
        // A list would be read as the fields in their order.
        let object = body.trim_ascii_start().starts_with(b"{");
        let said: Self = serde_json::from_slice(body).map_err(|_| NotSaid)?;
        (object && said.steps.len() <= MAX_STEPS).then_some(Some(said)).ok_or(NotSaid)
    }

    /// What is recorded of it. That a page was opened is known only by a hand on it.
    pub(crate) fn visits(&self) -> Vec<VisitStep> {
        let step = |step: &Step| match step {
            Step::Opened => self.hand.then_some(VisitStep::Opened),
            Step::Launched => Some(VisitStep::Launched),
            Step::Left => Some(VisitStep::Left),
            Step::CameBack => Some(VisitStep::CameBack),
        };
        self.steps.iter().filter_map(step).collect()
    }
}

/// A body that our script does not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotSaid;

/// Decides from what the script said, or from `Sec-Fetch-User`, which browsers send when a form
/// was sent by a press and not by a script.
pub(crate) fn visitor(said: Option<&Said>, sec_fetch_user: Option<&str>) -> Visitor {
    let person = match said {
        Some(said) => said.hand,
        None => sec_fetch_user == Some("?1"),
    };
    if person { Visitor::Person } else { Visitor::Unproven }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_whoever_had_a_hand_on_the_page() {
        let said = |hand| Said { hand, ..Said::default() };
        let table = [
            (Some(said(true)), None, Visitor::Person),
            (Some(said(false)), None, Visitor::Unproven),
            // A script that pressed the button is no press.
            (Some(said(false)), Some("?1"), Visitor::Unproven),
            (None, Some("?1"), Visitor::Person),
            (None, Some("?0"), Visitor::Unproven),
            (None, None, Visitor::Unproven),
        ];
        for (said, user, expected) in table {
            assert_eq!(visitor(said.as_ref(), user), expected, "{said:?} {user:?}");
        }
    }

    #[test]
    fn a_report_has_closed_words_and_few_of_them() {
        let read = |body: &str| Said::read(body.as_bytes(), true);
        let all = r#"{"hand":true,"steps":["opened","launched","left","came_back"],"window":true}"#;
        let steps = read(all).unwrap().unwrap().visits();
        use VisitStep::{CameBack, Launched, Left, Opened};
        assert_eq!(steps, [Opened, Launched, Left, CameBack]);
        let unproven = read(r#"{"steps":["opened","launched"]}"#).unwrap().unwrap();
        assert_eq!(unproven.visits(), [Launched]);
        for bad in [
            "",
            "null",
            "[]",
            "\"opened\"",
            "{",
            r#"{"steps":["proven"]}"#,
            r#"{"hand":1}"#,
            r#"{"steps":["left","left","left","left","left"]}"#,
            r#"{"more":1}"#,
            "\u{0}",
        ] {
            assert_eq!(read(bad), Err(NotSaid), "{bad}");
        }
        assert_eq!(Said::read(b"", false), Ok(None));
        assert_eq!(Said::read(b"whatever=1", false), Ok(None));
    }
}
