//! When the customer's app announces a case to its user. The app shows the case itself, so there is
//! no message that could go out twice: the question is only from when on the banner is up.

use crate::account::Channel;
use crate::case::Case;
use crate::plan::steps_for;
use crate::policy::Rules;
use crate::signal::SignalKind;
use crate::time::after;
use crate::words::words;
use jiff::Timestamp;

words! {
    /// What the app says of a case.
    pub enum Notice {
        /// Nothing works until the person signs in again.
        SignInAgain = "sign_in_again",
        /// A new password will be asked for; the account still works.
        PasswordChange = "password_change",
    }
}

impl Notice {
    /// The notice for the gravest thing said of a case.
    pub fn of(kind: SignalKind) -> Self {
        match kind {
            SignalKind::LoginRequired | SignalKind::Repaired => Self::SignInAgain,
            SignalKind::PasswordChangeWarning => Self::PasswordChange,
        }
    }
}

/// Whether the app announces `case` at `now`. `told_in_app`: a notification of it on the channel
/// `in_app` was sent.
///
/// A case that has ended or is on hold is never announced. Where the policy has a step for the app,
/// that step decides, so that it can come before, with or after a message, and passes the gate as
/// one does. Where it has none, the case is announced once it has settled: a login that mends itself
/// bothers nobody here either.
pub fn announces(case: &Case, told_in_app: bool, rules: &Rules, now: Timestamp) -> bool {
    let ended = !case.is_open() || case.expires_at <= now;
    if ended || case.hold.is_some() {
        return false;
    }
    match has_step_in_app(case, rules) {
        true => told_in_app,
        false => after(case.opened_at, rules.policy.settle) <= now,
    }
}

fn has_step_in_app(case: &Case, rules: &Rules) -> bool {
    let in_app = |channel: &Channel| *channel == Channel::InApp;
    rules.channels.has(Channel::InApp)
        && steps_for(case.kind, rules).iter().any(|step| step.channels.iter().any(in_app))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{CloseReason, HoldReason};
    use crate::gate::tests::snapshot;
    use crate::plan::tests::{at, rules};

    fn with_step(mut rules: Rules) -> Rules {
        let first = rules.policy.steps.first_mut().unwrap();
        first.channels = vec![Channel::InApp, Channel::Email];
        rules
    }

    #[test]
    fn without_a_step_of_its_own_the_app_announces_what_has_settled() {
        let case = snapshot(Channel::Email).case;
        for (minutes, told, announced) in
            [(0, false, false), (9, true, false), (10, false, true), (10, true, true)]
        {
            assert_eq!(
                announces(&case, told, &rules(), at(minutes)),
                announced,
                "{minutes} {told}"
            );
        }
    }

    #[test]
    fn with_one_it_announces_what_that_step_has_told() {
        let case = snapshot(Channel::Email).case;
        let stepped = with_step(rules());
        assert!(!announces(&case, false, &stepped, at(60)), "settled, and not told yet");
        assert!(announces(&case, true, &stepped, at(1)), "told");
        // Switched off, the step can tell nothing, and a warning never takes the policy's steps.
        let mut off = stepped.clone();
        off.channels.in_app = false;
        assert!(announces(&case, false, &off, at(10)));
        let warning = Case { kind: SignalKind::PasswordChangeWarning, ..case };
        assert!(announces(&warning, false, &stepped, at(10)));
    }

    #[test]
    fn what_has_ended_or_waits_is_never_announced() {
        let open = snapshot(Channel::Email).case;
        for hold in HoldReason::ALL.iter().copied() {
            let held = Case { hold: Some(hold), ..open.clone() };
            for rules in [rules(), with_step(rules())] {
                assert!(!announces(&held, true, &rules, at(60)), "{hold}");
            }
        }
        let closed = Case {
            closed_at: Some(at(20)),
            close_reason: Some(CloseReason::Repaired),
            ..open.clone()
        };
        assert!(!announces(&closed, true, &rules(), at(60)));
        let late = Case { expires_at: at(30), ..open };
        assert!(announces(&late, true, &rules(), at(29)));
        assert!(!announces(&late, true, &rules(), at(30)));
    }
}
