//! Rounds: ours and the bare one take turns, who goes first changes, and the ratio is the median
//! of the rounds' own ratios. What the machine does beside us then meets both alike.

use crate::report::Ratio;
use anyhow::Context as _;

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

/// Runs one round of each to warm up and then the rounds that count. Both closures answer their
/// rate per second.
///
/// # Errors
/// The first round that fails.
pub(crate) async fn take_turns(
    contest: Contest<'_>,
    mut ours: impl AsyncFnMut() -> anyhow::Result<f64>,
    mut bare: impl AsyncFnMut() -> anyhow::Result<f64>,
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
        progress(&format!("{name}: round {which}: {:.0} {unit}, bare {:.0}", pair.0, pair.1));
        if round > 0 {
            pairs.push(pair);
        }
    }
    let mut ratios: Vec<f64> = pairs.iter().map(|(ours, bare)| ours / bare).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let (lowest, highest) = (ratios.first().copied(), ratios.last().copied());
    let ratio = median(ratios).context("no round was run")?;
    Ok(Ratio {
        name: name.to_owned(),
        unit,
        ours: median(pairs.iter().map(|pair| pair.0).collect()).context("no round was run")?,
        bare: median(pairs.iter().map(|pair| pair.1).collect()).context("no round was run")?,
        ratio,
        lowest: lowest.unwrap_or(ratio),
        highest: highest.unwrap_or(ratio),
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
            rates.next().context("one more round than asked for")
        };
        let bare = async || {
            order.borrow_mut().push('b');
            Ok(40.0)
        };
        let ratio = take_turns(contest, ours, bare).await.unwrap();
        assert_eq!(*order.borrow(), "obboobbo");
        assert_eq!((ratio.ours, ratio.bare, ratio.ratio), (20.0, 40.0, 0.5));
        assert_eq!((ratio.lowest, ratio.highest, ratio.met), (0.25, 0.75, true));
    }
}
