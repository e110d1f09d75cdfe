//! Requests, so many at once, for a while.

use std::time::{Duration, Instant};

use eyre::{OptionExt, Result, ensure};
use futures_util::future::try_join_all;
use reqwest::RequestBuilder;

use super::Row;

/// How they were answered.
pub(super) struct Load {
    pub(super) per_second: f64,
    /// How many were answered, those that do not count among them.
    pub(super) all: u64,
    p50: Duration,
    p99: Duration,
}

impl Load {
    /// Asks for this long, after a tenth of it that does not count. `request` is given a number of its own each time.
    pub(super) async fn of(
        at_once: usize,
        time: Duration,
        request: impl Fn(u64) -> RequestBuilder,
    ) -> Result<Self> {
        let (numbers, began) = (std::cell::Cell::new(0), Instant::now());
        let counts_from = began + time / 10;
        let ends = counts_from + time;
        let ask = async || -> Result<Vec<Duration>> {
            let mut took = Vec::new();
            while Instant::now() < ends {
                let number = numbers.replace(numbers.get() + 1);
                let asked = Instant::now();
                let answer = request(number).send().await?;
                let (status, body) = (answer.status(), answer.text().await?);
                ensure!(status == 200, "{status}: {body}");
                let now = Instant::now();
                if asked >= counts_from && now < ends {
                    took.push(now - asked);
                }
            }
            Ok(took)
        };
        let mut took = try_join_all((0..at_once).map(|_| ask())).await?.concat();
        took.sort();
        let at =
            |share: usize| took.get(took.len() * share / 100).copied().ok_or_eyre("nothing was answered");
        Ok(Self {
            per_second: took.len() as f64 / time.as_secs_f64(),
            all: numbers.get(),
            p50: at(50)?,
            p99: at(99)?,
        })
    }

    pub(super) fn row(&self, task: &'static str, database: Option<&'static str>, bare: f64) -> Row {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        Row {
            task,
            database,
            per_second: self.per_second,
            p50_ms: milliseconds(self.p50),
            p99_ms: milliseconds(self.p99),
            of_bare: self.per_second / bare,
        }
    }
}
