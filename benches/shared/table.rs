//! The table that is printed, and the same as JSON.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::Result;

/// What a ratio of ours to the baseline has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    MoreThan(f64),
    AtMost(f64),
    /// Printed only.
    None,
}

impl Goal {
    fn met(self, ratio: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(ratio >= least),
            Self::MoreThan(bound) => Some(ratio > bound),
            Self::AtMost(most) => Some(ratio <= most),
            Self::None => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::MoreThan(bound) => format!("> {bound}"),
            Self::AtMost(most) => format!("<= {most}"),
            Self::None => String::new(),
        }
    }
}

/// The table of one bench. Rows are printed as they come.
pub(crate) struct Table {
    bench: &'static str,
    json: Option<File>,
    missed: Vec<String>,
}

impl Table {
    pub(crate) fn new(bench: &'static str, json: Option<&Path>) -> Result<Self> {
        let json = json.map(File::create).transpose()?;
        println!("{:<44} {:>12} {:>12} {:<8} {:>7} {:>8}  met", "case", "ours", "baseline", "unit", "ratio", "target");
        Ok(Self { bench, json, missed: Vec::new() })
    }

    /// Adds a figure of ours beside a baseline.
    pub(crate) fn row(&mut self, case: &str, ours: f64, baseline: f64, unit: &str, goal: Goal) -> Result<()> {
        self.add(case, ours, Some(baseline), unit, goal)
    }

    /// Adds a figure that stands alone.
    pub(crate) fn figure(&mut self, case: &str, ours: f64, unit: &str) -> Result<()> {
        self.add(case, ours, None, unit, Goal::None)
    }

    fn add(&mut self, case: &str, ours: f64, baseline: Option<f64>, unit: &str, goal: Goal) -> Result<()> {
        let ratio = baseline.map(|baseline| ours / baseline);
        let met = ratio.and_then(|ratio| goal.met(ratio));
        let word = met.map_or("", |met| if met { "yes" } else { "NO" });
        let (shown, ratio_shown) = (baseline.map(number).unwrap_or_default(), ratio.map(|r| format!("{r:.2}")));
        println!(
            "{case:<44} {:>12} {shown:>12} {unit:<8} {:>7} {:>8}  {word}",
            number(ours),
            ratio_shown.unwrap_or_default(),
            goal.text()
        );
        if met == Some(false) {
            self.missed.push(case.to_owned());
        }
        if let Some(json) = &mut self.json {
            let target = Some(goal.text()).filter(|text| !text.is_empty());
            let row = serde_json::json!({
                "bench": self.bench, "case": case, "ours": ours, "baseline": baseline, "unit": unit, "ratio": ratio,
                "target": target, "met": met,
            });
            writeln!(json, "{row}")?;
        }
        Ok(())
    }

    /// Says which targets were missed.
    pub(crate) fn finish(&self) {
        match self.missed.as_slice() {
            [] => println!("every target is met"),
            missed => println!("missed: {}", missed.join("; ")),
        }
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The middle of some values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
