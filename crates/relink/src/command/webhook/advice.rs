//! What an operator is told to put into `[[cobalt.webhook_secrets]]`. Pure, and without a secret.

use relink_config::WebhookSecret;
use relink_core::Timestamp;
use relink_core::time::after;
use std::path::Path;
use std::time::Duration;

/// For so long Cobalt says that the secret before counts, and an hour of ours on top.
const OLD_COUNTS: Duration = Duration::from_secs(25 * 60 * 60);

/// The entry for a new secret, under an id that no other has.
pub(crate) fn entry(secrets: &[WebhookSecret], file: Option<&Path>, now: Timestamp) -> String {
    let source = file.map_or_else(
        || "{ env = \"COBALT_WEBHOOK_SECRET\" }".to_owned(),
        |file| format!("{{ file = {} }}", quoted(&file.display().to_string())),
    );
    format!("[[cobalt.webhook_secrets]]\nid = \"{}\"\nsecret = {source}\n", new_id(secrets, now))
}

/// What to add to the secret that was replaced; `None` when none counts that has no end.
pub(crate) fn end_of_the_old(secrets: &[WebhookSecret], now: Timestamp) -> Option<String> {
    let ids: Vec<String> = secrets
        .iter()
        .filter(|secret| secret.not_after.is_none())
        .map(|secret| format!("\"{}\"", secret.id))
        .collect();
    let which = match ids.as_slice() {
        [] => return None,
        [one] => format!("the entry with id = {one}"),
        many => format!("the entry that this one replaces, of those with id {}", many.join(", ")),
    };
    let end = whole_minute(after(now, OLD_COUNTS));
    Some(format!("{which} gets its end, a day ahead at least:\n\nnot_after = {end}\n"))
}

/// Rounded up, for people.
fn whole_minute(at: Timestamp) -> Timestamp {
    let past = at.as_second().rem_euclid(60);
    Timestamp::from_second(at.as_second().saturating_add(60 - past)).unwrap_or(at)
}

fn new_id(secrets: &[WebhookSecret], now: Timestamp) -> String {
    let day: String = now.to_string().chars().take(10).collect();
    let taken = |id: &str| secrets.iter().any(|secret| secret.id == id);
    let later = (2..).map(|n: u32| format!("{day}-{n}"));
    std::iter::once(day.clone()).chain(later).find(|id| !taken(id)).unwrap_or(day)
}

/// As text in TOML.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            _ => vec![c],
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_core::masked::Secret;

    fn secrets(ids: &[(&str, Option<&str>)]) -> Vec<WebhookSecret> {
        ids.iter()
            .map(|(id, end)| WebhookSecret {
                id: (*id).to_owned(),
                secret: Secret::new("canary"),
                not_after: end.map(|end| end.parse().unwrap()),
            })
            .collect()
    }

    fn now() -> Timestamp {
        "2026-11-26T20:30:15Z".parse().unwrap()
    }

    #[test]
    fn a_new_entry_has_an_id_of_its_own_and_no_secret() {
        let before = secrets(&[("current", None), ("2026-11-26", None), ("2026-11-26-2", None)]);
        let text = entry(&before, Some(Path::new("/etc/a \"b\"\\c")), now());
        assert_eq!(
            text,
            "[[cobalt.webhook_secrets]]\nid = \"2026-11-26-3\"\nsecret = { file = \"/etc/a \\\"b\\\"\\\\c\" }\n"
        );
        let text = entry(&[], None, now());
        assert!(text.contains("id = \"2026-11-26\"\nsecret = { env ="), "{text}");
    }

    #[test]
    fn the_old_secret_ends_a_day_ahead_at_least() {
        let only = secrets(&[("current", None), ("older", Some("2026-11-27T00:00:00Z"))]);
        let told = end_of_the_old(&only, now()).unwrap();
        assert!(told.contains("id = \"current\"") && !told.contains("older"), "{told}");
        let end = told.lines().find_map(|line| line.strip_prefix("not_after = ")).unwrap();
        let end: Timestamp = end.parse().unwrap();
        assert!(end >= after(now(), Duration::from_secs(24 * 60 * 60)));
        assert_eq!(end.to_string(), "2026-11-27T21:31:00Z");
        let two = secrets(&[("a", None), ("b", None)]);
        assert!(end_of_the_old(&two, now()).unwrap().contains("\"a\", \"b\""));
        assert_eq!(end_of_the_old(&[], now()), None);
        assert!(!format!("{told}{:?}", end_of_the_old(&two, now())).contains("canary"));
    }
}
