//! How far a long command has come, on standard error: a bar on a terminal, a line now and then
//! everywhere else, nothing for what is done at once.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Lines in all, where there is no terminal.
const LINES: u64 = 20;

/// Less than this is done before anybody wonders.
const WORTH_A_LINE: u64 = 1_000;

/// A count on its way to its end.
pub(crate) struct Progress {
    bar: ProgressBar,
    what: &'static str,
    total: u64,
    done: AtomicU64,
}

impl Progress {
    /// Of `total` things; `what` names them, in the plural.
    pub(crate) fn new(total: u64, what: &'static str) -> Self {
        let bar = ProgressBar::new(total);
        let template = "{bar:40} {pos}/{len} {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar, what, total, done: AtomicU64::new(0) }
    }

    /// So many more are done.
    pub(crate) fn advance(&self, more: u64) {
        self.bar.inc(more);
        let before = self.done.fetch_add(more, Ordering::Relaxed);
        let done = before.saturating_add(more);
        if self.bar.is_hidden() && is_due(before, done, self.total) {
            // Whoever closed standard error does not want it.
            let _ = writeln!(std::io::stderr(), "{done} of {} {}", self.total, self.what);
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Whether between these two another twentieth was passed.
fn is_due(before: u64, done: u64, total: u64) -> bool {
    let step = total.div_ceil(LINES).max(1);
    total >= WORTH_A_LINE && before / step != done / step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_said_for_each_twentieth_and_none_for_little() {
        let said = |total: u64, by: u64| {
            let starts = (0..total).step_by(usize::try_from(by).unwrap());
            starts.filter(|before| is_due(*before, (before + by).min(total), total)).count()
        };
        assert_eq!(said(10_000, 1), 20);
        assert_eq!(said(10_000, 500), 20);
        assert_eq!(said(10_000, 5_000), 2);
        assert_eq!(said(999, 1), 0);
        assert_eq!(said(0, 1), 0);
    }
}
