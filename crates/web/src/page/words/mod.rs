//! What the pages say, one file for each language. A further language is one more file and one
//! more line in [`LANGUAGES`]; the compiler asks for every text, and a test for its placeholders.
//! `{instance}` stands for the sender's product, `{whom}` for a masked address.
//!
//! Calm and short; always what happens next; never a word of an EHR, a clinic, a condition or a
//! name.

mod en;
mod es;

use crate::page::state::State;

/// A heading and what stands below it.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) title: &'static str,
    pub(crate) lines: &'static [&'static str],
}

/// Everything in one language.
#[derive(Debug)]
pub(crate) struct Language {
    /// BCP 47, without a region.
    pub(crate) tag: &'static str,
    /// What it calls itself.
    pub(crate) name: &'static str,
    /// What the choice of a language is called.
    pub(crate) languages: &'static str,
    pub(crate) for_whom: &'static str,
    pub(crate) not_you: &'static str,
    pub(crate) not_you_then: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) try_again: &'static str,
    pub(crate) open: &'static str,
    pub(crate) signed_in: &'static str,
    pub(crate) check_now: &'static str,
    pub(crate) refresh: &'static str,
    pub(crate) send_new: &'static str,
    pub(crate) fresh: Text,
    pub(crate) warned: Text,
    pub(crate) leaving: Text,
    pub(crate) half_way: Text,
    pub(crate) returned: Text,
    pub(crate) checking: Text,
    pub(crate) still_broken: Text,
    pub(crate) fixed: Text,
    pub(crate) ended: Text,
    pub(crate) sent: Text,
    pub(crate) lost: Text,
    pub(crate) unknown: Text,
    pub(crate) unreachable: Text,
    pub(crate) too_often: Text,
    pub(crate) not_set_up: Text,
    pub(crate) trouble: Text,
    pub(crate) refused: Text,
}

/// Every language there is; the first is for everybody else.
pub(crate) const LANGUAGES: &[&Language] = &[&en::ENGLISH, &es::SPANISH];

impl Language {
    /// What a page in this state says.
    pub(crate) fn text(&self, state: State) -> &Text {
        match state {
            State::Fresh => &self.fresh,
            State::Warned => &self.warned,
            State::Leaving => &self.leaving,
            State::HalfWay => &self.half_way,
            State::Returned => &self.returned,
            State::Checking => &self.checking,
            State::StillBroken => &self.still_broken,
            State::Fixed => &self.fixed,
            State::Ended => &self.ended,
            State::Sent => &self.sent,
            State::Lost => &self.lost,
            State::Unknown => &self.unknown,
            State::Unreachable => &self.unreachable,
            State::TooOften => &self.too_often,
            State::NotSetUp => &self.not_set_up,
            State::Trouble => &self.trouble,
            State::Refused => &self.refused,
        }
    }
}

/// The language that somebody is shown: the one asked for on the page, else the one on file for
/// them, else the first their browser names that there is, else English.
pub(crate) fn choose(
    asked: Option<&str>,
    on_file: Option<&str>,
    accepted: Option<&str>,
) -> &'static Language {
    let accepted = accepted.map(by_preference).unwrap_or_default();
    let wishes = asked.into_iter().chain(on_file).chain(accepted);
    wishes.filter_map(known).next().unwrap_or(&en::ENGLISH)
}

/// The language of a tag such as `es-MX` or `es_MX`.
fn known(tag: &str) -> Option<&'static Language> {
    let primary = tag.trim().split(['-', '_']).next()?;
    LANGUAGES.iter().find(|language| language.tag.eq_ignore_ascii_case(primary)).copied()
}

/// The tags of `Accept-Language`, the most wanted first (RFC 9110, 12.5.4).
fn by_preference(header: &str) -> Vec<&str> {
    /// More are no wish but noise.
    const MOST: usize = 20;
    let mut tags: Vec<(&str, u32)> = header.split(',').take(MOST).filter_map(weighed).collect();
    tags.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

/// A tag and its weight in thousandths; nothing for what is not wanted.
fn weighed(item: &str) -> Option<(&str, u32)> {
    let (tag, weight) = match item.split_once(';') {
        Some((tag, parameter)) => (tag, parameter.trim().strip_prefix("q=")?.trim()),
        None => (item, "1"),
    };
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let thousandths = format!("{part:0<3}").get(..3)?.parse::<u32>().ok()?;
    let weight = whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(thousandths)?;
    (weight > 0).then_some((tag.trim(), weight))
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
