//! The wording. Built in, in English; another language is another folder beside `en`.

use minijinja::{Environment, UndefinedBehavior, context};
use relink_core::sender::MessageOrder;
use relink_core::signal::SignalKind;

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wording {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The most characters of a name in a greeting.
const MAX_NAME: usize = 60;

macro_rules! built_in {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../templates/", $path)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = built_in![
    "en/layout.html",
    "en/login_required/subject.txt",
    "en/login_required/text.txt",
    "en/login_required/body.html",
    "en/login_required_reminder/subject.txt",
    "en/login_required_reminder/text.txt",
    "en/login_required_reminder/body.html",
    "en/password_change_warning/subject.txt",
    "en/password_change_warning/text.txt",
    "en/password_change_warning/body.html",
];

/// The templates, parsed.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
    instance: String,
}

impl Templates {
    /// Parses what is built in.
    pub(crate) fn new(instance: &str) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment, instance: instance.to_owned() })
    }

    /// Renders the wording for an order. Only these fields can reach a template.
    pub(crate) fn render(&self, order: &MessageOrder) -> Result<Wording, minijinja::Error> {
        let folder = match (order.kind, order.reminder) {
            (SignalKind::LoginRequired | SignalKind::Repaired, false) => "en/login_required",
            (SignalKind::LoginRequired | SignalKind::Repaired, true) => {
                "en/login_required_reminder"
            }
            (SignalKind::PasswordChangeWarning, _) => "en/password_change_warning",
        };
        let name = order.name.as_deref().map(greeting_name).unwrap_or_default();
        let render = |file: &str, subject: &str| {
            let template = self.environment.get_template(&format!("{folder}/{file}"))?;
            template
                .render(context! { instance => &self.instance, name => &name, link => &order.link, subject })
        };
        let subject = render("subject.txt", "")?.trim().to_owned();
        let text = whole_line_breaks(&render("text.txt", &subject)?);
        let html = whole_line_breaks(&render("body.html", &subject)?);
        Ok(Wording { subject, text, html })
    }
}

/// A carriage return alone is a line break to some relays and none to others; mail must not have
/// one (RFC 5322 section 2.3). The mail library turns what is left into CRLF.
fn whole_line_breaks(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// A name as a greeting may use it: one line, no control or invisible characters, not long.
fn greeting_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(MAX_NAME)
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that change the direction or the look of what follows without being seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
