//! What was measured, as a table for people or as JSON for programs.

use crate::machine::Machine;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

/// Everything of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    /// After the last round.
    load_after: String,
    figures: Vec<Figure>,
}

/// One line of the result.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Figure {
    /// Ours against the bare one.
    Ratio(Ratio),
    /// A value that shall stay under a limit.
    Limit(Limit),
    /// Could not be measured here.
    Missing(Missing),
}

/// Two rates and what they make.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// Medians of the rounds.
    pub(crate) ours: f64,
    pub(crate) bare: f64,
    /// The median of the rounds' ratios, the lowest and the highest of them.
    pub(crate) ratio: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// Medians of this process's processor time for one, in microseconds.
    pub(crate) cpu_us_ours: f64,
    pub(crate) cpu_us_bare: f64,
    pub(crate) goal: f64,
    pub(crate) met: bool,
    /// What one has to know to read it.
    pub(crate) notes: Vec<String>,
}

/// A value and what it shall stay under.
#[derive(Debug, Serialize)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) goal: f64,
    pub(crate) met: bool,
    pub(crate) notes: Vec<String>,
}

impl Limit {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str, goal: f64) -> Self {
        Self { name: name.into(), unit, value, goal, met: value < goal, notes: Vec::new() }
    }
}

/// What could not be measured, and what it would take.
#[derive(Debug, Serialize)]
pub(crate) struct Missing {
    pub(crate) name: String,
    pub(crate) why: String,
}

impl Figure {
    /// For lack of the server that `variable` names.
    pub(crate) fn without(name: &str, variable: &str) -> Self {
        let why = format!("{variable} names no server; scripts/test -- COMMAND starts one");
        Self::Missing(Missing { name: name.to_owned(), why })
    }

    fn notes(&self) -> (&str, &[String]) {
        match self {
            Self::Ratio(ratio) => (&ratio.name, &ratio.notes),
            Self::Limit(limit) => (&limit.name, &limit.notes),
            Self::Missing(missing) => (&missing.name, std::slice::from_ref(&missing.why)),
        }
    }

    fn row(&self) -> [String; 7] {
        match self {
            Self::Ratio(it) => [
                it.name.clone(),
                format!("{:.0} {}", it.ours, it.unit),
                format!("{:.0} {}", it.bare, it.unit),
                format!("{:.2} ({:.2} to {:.2})", it.ratio, it.lowest, it.highest),
                format!("{:.0} : {:.0} µs", it.cpu_us_ours, it.cpu_us_bare),
                format!("at least {}", it.goal),
                verdict(it.met),
            ],
            Self::Limit(it) => [
                it.name.clone(),
                format!("{:.1} {}", it.value, it.unit),
                String::new(),
                String::new(),
                String::new(),
                format!("under {} {}", it.goal, it.unit),
                verdict(it.met),
            ],
            Self::Missing(it) => {
                let mut row = [const { String::new() }; 7];
                row[0].clone_from(&it.name);
                row[6] = "not measured".to_owned();
                row
            }
        }
    }
}

fn verdict(met: bool) -> String {
    if met { "met" } else { "missed" }.to_owned()
}

impl Report {
    pub(crate) fn new(machine: Machine, load_after: String, figures: Vec<Figure>) -> Self {
        Self { machine, load_after, figures }
    }

    /// For programs.
    #[expect(clippy::print_stdout, reason = "a program's result")]
    pub(crate) fn print_json(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string_pretty(self)?);
        Ok(())
    }

    /// For people.
    #[expect(clippy::print_stdout, reason = "a program's result")]
    pub(crate) fn print_table(&self) -> anyhow::Result<()> {
        let it = &self.machine;
        println!("{} cores of {}, Linux {}", it.cores, it.cpu, it.system);
        println!("load {} before, {} after", it.load, self.load_after);
        println!("4 KiB written and synced in {:.2} ms", it.fsync_ms);
        if !it.release_build {
            println!("THIS IS A DEBUG BUILD: its figures mean nothing");
        }
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["what", "ours", "bare", "ratio", "CPU for one", "goal", ""]);
        for figure in &self.figures {
            let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
            let [name, ours, bare, ratio, cpu, goal, verdict] = figure.row();
            table.add_row([
                Cell::new(name),
                right(ours),
                right(bare),
                right(ratio),
                right(cpu),
                Cell::new(goal),
                Cell::new(verdict),
            ]);
        }
        println!("{table}");
        for (name, note) in self.figures.iter().flat_map(|figure| {
            let (name, notes) = figure.notes();
            notes.iter().map(move |note| (name, note))
        }) {
            println!("{name}: {note}");
        }
        Ok(())
    }
}
