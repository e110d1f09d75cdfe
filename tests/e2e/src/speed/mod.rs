//! How fast it is beside a rival in the same run: `scripts/bench speed`.

mod balance;
mod balances;
mod orders;
mod page;

use eyre::Result;
use serde::Serialize;

pub(crate) use orders::{Mining, ROOM};
pub use page::page;

/// A figure of ours beside a rival's, both of this run.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What is done.
    pub task: &'static str,
    /// In what it is measured.
    pub unit: Unit,
    /// Our figure.
    pub ours: f64,
    /// Who or what else does it.
    pub rival: &'static str,
    /// Its figure.
    pub theirs: f64,
    /// How many times better ours is.
    pub ratio: f64,
    /// How many times better it must be at least, where there is a bound.
    pub at_least: Option<f64>,
}

/// In what something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds; less is better.
    Milliseconds,
    /// Times a second; more is better.
    PerSecond,
    /// Mebibytes; less is better.
    Mebibytes,
}

impl Unit {
    /// How it is written behind a figure.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::PerSecond => "/s",
            Self::Mebibytes => "MiB",
        }
    }
}

impl Row {
    /// Ours beside a rival's, without a bound.
    pub fn new(task: &'static str, unit: Unit, ours: f64, rival: &'static str, theirs: f64) -> Self {
        let ratio = if unit == Unit::PerSecond { ours / theirs } else { theirs / ours };
        Self { task, unit, ours, rival, theirs, ratio, at_least: None }
    }

    /// It must be so many times better.
    pub fn at_least(self, times: f64) -> Self {
        Self { at_least: Some(times), ..self }
    }

    /// Whether it is as much better as it must be.
    pub fn is_within(&self) -> bool {
        self.at_least.is_none_or(|least| self.ratio >= least)
    }
}

/// Measures everything, each part on a devnet of its own.
pub async fn measure() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    rows.extend(balance::measure().await?);
    rows.extend(balances::measure().await?);
    rows.extend(orders::measure().await?);
    Ok(rows)
}

/// The one in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
