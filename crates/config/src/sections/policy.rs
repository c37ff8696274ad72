//! `[policy]`: when to tell whom over which channel. A policy that could never send one of its
//! steps is refused, since nobody would notice until an account stays broken.

use super::access::unique_ids;
use crate::kind::{Fault, Raw};
use crate::kinds::{duration, id, word};
use crate::reader::Section;
use relink_core::account::{Channel, Role};
use relink_core::id::StepId;
use relink_core::plan::WARNING_STEP;
use relink_core::policy::{EnabledChannels, Policy, Step};
use relink_core::renewal::is_renewal;
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn policy(s: &mut Section<'_, '_>, usable: Option<EnabledChannels>) -> Option<Policy> {
    let settle = s
        .key(
            "settle",
            "How long a case waits before its first step, in case the login mends itself.",
        )
        .or(duration(), Raw::Text("10m"));
    let expire =
        s.key("expire", "How long after opening a case gives up.").or(duration(), Raw::Text("30d"));
    let late_by_max = s
        .key("late_by_max", "How long after its planned moment a message may still go out.")
        .or(duration(), Raw::Text("24h"));
    let steps = s
        .key("steps", "Who is told when, in order of time.")
        .tables(Some(default_steps_as_written()), step)
        .map(|steps| steps.unwrap_or_else(default_steps));
    let steps = unique_ids(s, "steps", steps, |step| step.id.as_str());
    let policy =
        Policy { settle: settle?, expire: expire?, late_by_max: late_by_max?, steps: steps? };
    for (key, fault) in faults(&policy) {
        s.problem(&key, fault);
    }
    if let Some(usable) = usable.filter(|usable| usable.email || usable.sms) {
        warn_of_silent_steps(s, &policy, usable);
    }
    Some(policy)
}

fn step(s: &mut Section<'_, '_>) -> Option<Step> {
    const ROLES: &[(&str, Role)] = &[("user", Role::User), ("admin", Role::Admin)];
    const CHANNELS: &[(&str, Channel)] =
        &[("email", Channel::Email), ("sms", Channel::Sms), ("in_app", Channel::InApp)];
    let id = s
        .key("id", "Names the step; part of the identity of what it sends, so never reuse one.")
        .required(id(), "name it, such as id = \"first\"");
    let at = s
        .key("at", "How long after the case has settled.")
        .required(duration(), "write when, such as at = \"24h\"");
    let to = s
        .key("to", "Which contacts of the account.")
        .required(word(ROLES), "write to = \"user\" or to = \"admin\"");
    let channels = s
        .key("channels", "In order of preference: each contact gets the first usable one.")
        .list(&word(CHANNELS), &[]);
    let channels = channels.and_then(|channels| usable_list(s, channels));
    let id = StepId::parse(&id?).ok();
    Some(Step { id: id?, at: at?, to: to?, channels: channels? })
}

fn usable_list(s: &mut Section<'_, '_>, channels: Vec<Channel>) -> Option<Vec<Channel>> {
    let remedy = "name each channel once, at least one, such as channels = [\"email\", \"sms\"]";
    let repeats = channels.iter().enumerate().any(|(n, c)| channels.iter().take(n).any(|d| d == c));
    let what = match (channels.is_empty(), repeats) {
        (true, _) if s.written("channels").is_none() => "is missing",
        (true, _) => "is empty",
        (false, true) => "names a channel twice",
        (false, false) => return Some(channels),
    };
    s.problem("channels", Fault::new(what, remedy));
    None
}

/// What the values say together.
fn faults(policy: &Policy) -> Vec<(String, Fault)> {
    let mut faults = Vec::new();
    let mut fault = |key: &str, what: &str, remedy: &str| {
        faults.push((key.to_owned(), Fault::new(what, remedy)));
    };
    if policy.settle >= policy.expire {
        fault(
            "settle",
            "is not shorter than expire: every case would end before its first step",
            "make settle shorter, or expire longer",
        );
    }
    if policy.late_by_max.is_zero() {
        fault(
            "late_by_max",
            "is zero: every message would count as late",
            "allow some time, such as \"24h\"",
        );
    }
    if policy.steps.is_empty() {
        fault(
            "steps",
            "is empty: nobody would ever be told",
            "write at least one [[policy.steps]], or leave steps away for the built-in ones",
        );
    }
    let mut latest = Duration::ZERO;
    for (n, step) in policy.steps.iter().enumerate() {
        if step.id.as_str() == WARNING_STEP {
            fault(
                &format!("steps[{n}].id"),
                "is the name of the one message that a password-change warning gets",
                "choose another name",
            );
        }
        if is_renewal(&step.id) {
            fault(
                &format!("steps[{n}].id"),
                "starts like the steps of new links that people ask for: renewed-1 and so on",
                "choose another name",
            );
        }
        let key = format!("steps[{n}].at");
        if step.at < latest {
            fault(&key, "is earlier than the step above it", "put the steps in order of at");
        }
        if policy.settle.saturating_add(step.at) >= policy.expire {
            fault(
                &key,
                "is when the case has expired: settle + at is not shorter than expire",
                "make it shorter, or expire longer",
            );
        }
        latest = latest.max(step.at);
    }
    faults
}

fn warn_of_silent_steps(s: &mut Section<'_, '_>, policy: &Policy, usable: EnabledChannels) {
    for (n, step) in policy.steps.iter().enumerate() {
        // The app knows the account's user and nobody else.
        let reaches = |channel: Channel| channel != Channel::InApp || step.to == Role::User;
        if !step.channels.iter().any(|channel| usable.has(*channel) && reaches(*channel)) {
            let remedy = "switch one of its channels on, or remove the step";
            s.warn(
                &format!("steps[{n}].channels"),
                "can send nothing: none of its channels is switched on and reaches its contacts",
                remedy,
            );
        }
    }
}

/// At once by email, a day later by text message; each by the other where the first is not usable.
fn default_steps() -> Vec<Step> {
    let step = |id: &str, at, channels: [Channel; 2]| {
        let id = StepId::parse(id).ok()?;
        Some(Step { id, at, to: Role::User, channels: channels.to_vec() })
    };
    let first = step("first", Duration::ZERO, [Channel::Email, Channel::Sms]);
    let nudge = step("nudge", 24 * HOUR, [Channel::Sms, Channel::Email]);
    first.into_iter().chain(nudge).collect()
}

fn default_steps_as_written() -> Value {
    json!([
        { "id": "first", "at": "0s", "to": "user", "channels": ["email", "sms"] },
        { "id": "nudge", "at": "24h", "to": "user", "channels": ["sms", "email"] },
    ])
}
