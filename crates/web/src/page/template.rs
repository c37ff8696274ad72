//! A state becomes a page: the one template, filled with the words of a language and the buttons that
//! belong to the state.

use super::headers::origin_of;
use super::look::Look;
use super::state::State;
use super::words::{LANGUAGES, Language};
use bytes::Bytes;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

/// The template and what is the same on every page.
pub(super) struct Templates {
    environment: Environment<'static>,
    instance: String,
    /// The path below which links are, as browsers see it.
    folder: String,
    script_url: String,
    pub(super) link_origin: String,
    style: String,
    script: &'static str,
    logo: Option<String>,
    /// The answer to links that there are not, in every language: made once, so that it takes no
    /// time that could be measured.
    unknown: Vec<(&'static str, Bytes)>,
}

/// One page to be rendered.
pub(super) struct Page<'a> {
    pub(super) state: State,
    pub(super) language: &'static Language,
    pub(super) token: &'a str,
    pub(super) whom: Option<&'a str>,
    /// Where Link opens in a tab of its own.
    pub(super) open: Option<String>,
}

/// A part of a page that shows one state; our script shows another without loading the page.
#[derive(Serialize)]
struct Section {
    state: &'static str,
    title: &'static str,
    lines: Vec<String>,
    actions: Vec<Action>,
}

/// A button.
#[derive(Serialize)]
struct Action {
    /// What it does: `link`, `done`, `renew`, `refresh`, `open`.
    does: &'static str,
    says: &'static str,
    /// Of the less likely of two.
    quiet: bool,
}

/// What our script may have to show after the first state.
const LIVE: [State; 9] = [
    State::Leaving,
    State::HalfWay,
    State::Checking,
    State::StillBroken,
    State::Fixed,
    State::Unreachable,
    State::TooOften,
    State::NotSetUp,
    State::Trouble,
];

/// Whether the page goes on by itself where there is a script.
fn is_live(state: State) -> bool {
    match state {
        State::Fresh
        | State::Warned
        | State::Leaving
        | State::HalfWay
        | State::Returned
        | State::Checking
        | State::StillBroken => true,
        State::Fixed
        | State::Ended
        | State::Sent
        | State::Lost
        | State::Unknown
        | State::Unreachable
        | State::TooOften
        | State::NotSetUp
        | State::Trouble
        | State::Refused => false,
    }
}

fn actions(state: State, says: &Language) -> Vec<Action> {
    let main = |does, says| Action { does, says, quiet: false };
    let quiet = |does, says| Action { does, says, quiet: true };
    match state {
        State::Fresh | State::Warned => vec![main("link", says.sign_in)],
        State::Leaving => vec![
            main("open", says.open),
            quiet("done", says.signed_in),
            quiet("link", says.try_again),
        ],
        State::HalfWay => vec![main("link", says.try_again), quiet("done", says.signed_in)],
        State::Returned => vec![main("done", says.check_now)],
        State::Checking => vec![quiet("refresh", says.refresh), quiet("link", says.try_again)],
        State::StillBroken => vec![main("link", says.try_again), quiet("done", says.check_now)],
        State::Ended => vec![main("renew", says.send_new)],
        State::Unreachable => vec![main("link", says.try_again)],
        State::TooOften | State::Trouble => vec![quiet("refresh", says.refresh)],
        State::Fixed
        | State::Sent
        | State::Lost
        | State::Unknown
        | State::NotSetUp
        | State::Refused => Vec::new(),
    }
}

impl Templates {
    pub(super) fn new(instance: &str, folder: String, script_url: &str, look: &Look) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        if let Err(error) =
            environment.add_template("link.html", include_str!("../../templates/link.html"))
        {
            // Built in and rendered by a test; the page then falls back to its title.
            tracing::error!(%error, "the built-in page does not parse");
        }
        let mut templates = Self {
            environment,
            instance: instance.to_owned(),
            folder,
            script_url: script_url.to_owned(),
            link_origin: origin_of(script_url),
            style: look.style.clone(),
            script: look.script,
            logo: look.logo.as_ref().map(|logo| logo.name.clone()),
            unknown: Vec::new(),
        };
        let unknown = |language: &&'static Language| {
            let state = State::Unknown;
            let page = Page { state, language, token: "", whom: None, open: None };
            (language.tag, Bytes::from(templates.html(&page)))
        };
        templates.unknown = LANGUAGES.iter().map(unknown).collect();
        templates
    }

    pub(super) fn unknown(&self, language: &Language) -> Bytes {
        let of_language = self.unknown.iter().find(|(tag, _)| *tag == language.tag);
        of_language.map(|(_, html)| html.clone()).unwrap_or_default()
    }

    pub(super) fn html(&self, page: &Page<'_>) -> String {
        let Page { state, language, token, whom, open } = page;
        let live = is_live(*state);
        let more = LIVE.iter().filter(|more| live && *more != state);
        let all = std::iter::once(state).chain(more);
        let sections: Vec<Section> = all.map(|state| self.section(*state, language)).collect();
        let title = language.text(*state).title;
        let whom = whom.map(|whom| language.for_whom.replace("{whom}", whom));
        // Without a link there is nothing to press.
        let root =
            if token.is_empty() { String::new() } else { format!("{}/{token}", self.folder) };
        let others: Vec<_> = LANGUAGES
            .iter()
            .filter(|other| other.tag != language.tag)
            .map(|other| context! { tag => other.tag, name => other.name })
            .collect();
        let context = context! {
            lang => language.tag,
            sections => Value::from(Serde(sections)),
            title, whom, root, live, others,
            folder => &self.folder,
            languages => language.languages,
            not_you => language.not_you,
            not_you_then => language.not_you_then,
            at => state.as_str(),
            open => open.as_deref().unwrap_or_default(),
            instance => &self.instance,
            logo => &self.logo,
            script_url => &self.script_url,
            link_origin => &self.link_origin,
            style => &self.style,
            script => self.script,
        };
        let rendered = self
            .environment
            .get_template("link.html")
            .and_then(|template| template.render(context));
        rendered.unwrap_or_else(|error| {
            tracing::error!(%error, "the page could not be rendered");
            title.to_owned()
        })
    }

    fn section(&self, state: State, language: &Language) -> Section {
        let text = language.text(state);
        let lines = text.lines.iter().map(|line| line.replace("{instance}", &self.instance));
        Section {
            state: state.as_str(),
            title: text.title,
            lines: lines.collect(),
            actions: actions(state, language),
        }
    }
}
