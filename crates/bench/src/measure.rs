//! Rounds: ours and the bare one take turns, who goes first changes, and the ratio is the median
//! of the rounds' own ratios. What the machine does beside us then meets both alike.

use crate::report::Ratio;
use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// What is compared, and with which goal.
pub(crate) struct Contest<'a> {
    /// What is measured.
    pub(crate) name: &'a str,
    /// What the rates count, each second.
    pub(crate) unit: &'static str,
    /// The ratio to reach.
    pub(crate) goal: f64,
    /// Rounds that count.
    pub(crate) rounds: u16,
}

/// What one turn showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// How many each second.
    rate: f64,
    /// This process's processor time for one, in microseconds: client and server together.
    cpu_us: f64,
}

/// Runs while a turn is measured.
pub(crate) struct Meter {
    begun: Instant,
    cpu: Duration,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), cpu: cpu_time() }
    }

    /// The turn ends here, having done `count`.
    pub(crate) fn stop(self, count: u64) -> Turn {
        let (took, cpu) = (self.begun.elapsed(), cpu_time().saturating_sub(self.cpu));
        let count = count as f64;
        Turn { rate: count / took.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / count }
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Runs one round of each to warm up and then the rounds that count.
///
/// # Errors
/// The first round that fails.
pub(crate) async fn take_turns(
    contest: Contest<'_>,
    mut ours: impl AsyncFnMut() -> anyhow::Result<Turn>,
    mut bare: impl AsyncFnMut() -> anyhow::Result<Turn>,
) -> anyhow::Result<Ratio> {
    let Contest { name, unit, goal, rounds } = contest;
    let mut pairs = Vec::new();
    for round in 0..=rounds {
        let pair = if round % 2 == 0 {
            let ours = ours().await?;
            (ours, bare().await?)
        } else {
            let bare = bare().await?;
            (ours().await?, bare)
        };
        let which = if round == 0 { "warm-up".to_owned() } else { format!("{round} of {rounds}") };
        let (ours, bare) = (pair.0.rate, pair.1.rate);
        progress(&format!("{name}: round {which}: {ours:.0} {unit}, bare {bare:.0}"));
        if round > 0 {
            pairs.push(pair);
        }
    }
    let middle = |value: fn(&(Turn, Turn)) -> f64| {
        median(pairs.iter().map(value).collect()).context("no round was run")
    };
    let ratio = middle(|(ours, bare)| ours.rate / bare.rate)?;
    let ratios = pairs.iter().map(|(ours, bare)| ours.rate / bare.rate);
    Ok(Ratio {
        name: name.to_owned(),
        unit,
        ours: middle(|(ours, _)| ours.rate)?,
        bare: middle(|(_, bare)| bare.rate)?,
        ratio,
        lowest: ratios.clone().fold(ratio, f64::min),
        highest: ratios.fold(ratio, f64::max),
        cpu_us_ours: middle(|(ours, _)| ours.cpu_us)?,
        cpu_us_bare: middle(|(_, bare)| bare.cpu_us)?,
        goal,
        met: ratio >= goal,
        notes: Vec::new(),
    })
}

/// The middle value, or the mean of the two in the middle; `None` of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(middle.checked_sub(1)?)?;
    Some((lower + upper) / 2.0)
}

/// Says how far it is, beside the result.
#[expect(clippy::print_stderr, reason = "a program's own words")]
pub(crate) fn progress(line: &str) {
    eprintln!("relink-bench: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_it() {
        for (values, expected) in [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![4.0, 2.0], Some(3.0)),
            (vec![9.0, 1.0, 2.0], Some(2.0)),
            (vec![8.0, 1.0, 2.0, 4.0], Some(3.0)),
        ] {
            assert_eq!(median(values), expected);
        }
    }

    #[tokio::test]
    async fn the_warm_up_does_not_count_and_turns_alternate() {
        let order = std::cell::RefCell::new(String::new());
        let contest = Contest { name: "test", unit: "things/s", goal: 0.5, rounds: 3 };
        let mut rates = [1000.0, 10.0, 30.0, 20.0].into_iter();
        let ours = async || {
            order.borrow_mut().push('o');
            let rate = rates.next().context("one more round than asked for")?;
            Ok(Turn { rate, cpu_us: 1e6 / rate })
        };
        let bare = async || {
            order.borrow_mut().push('b');
            Ok(Turn { rate: 40.0, cpu_us: 5.0 })
        };
        let ratio = take_turns(contest, ours, bare).await.unwrap();
        assert_eq!(*order.borrow(), "obboobbo");
        assert_eq!((ratio.ours, ratio.bare, ratio.ratio), (20.0, 40.0, 0.5));
        assert_eq!((ratio.lowest, ratio.highest, ratio.met), (0.25, 0.75, true));
        assert_eq!((ratio.cpu_us_ours, ratio.cpu_us_bare), (50_000.0, 5.0));
    }
}
