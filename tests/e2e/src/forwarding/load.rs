//! Requests: as many as can be answered, and so many a second whether they are answered or not.

use std::{sync::Arc, time::Duration};

use eyre::{OptionExt, Result, ensure};
use reqwest::{Client, Request};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// How they were answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// How many were answered, those that do not count among them.
    pub(super) all: u64,
}

/// Makes requests.
pub(super) type Make = Arc<dyn Fn(u64) -> Request + Send + Sync>;

async fn ask(http: &Client, request: Request) -> Result<()> {
    let answer = http.execute(request).await?;
    let (status, body) = (answer.status(), answer.text().await?);
    ensure!(status == 200, "{status}: {body}");
    Ok(())
}

impl Load {
    /// As many as can be answered, with so many under way at once.
    pub(super) async fn most(http: &Client, at_once: u64, time: Duration, make: Make) -> Result<Self> {
        let began = Instant::now();
        let (counts_from, ends) = (began + time / 5, began + time / 5 + time);
        let mut asking = JoinSet::new();
        for one in 0..at_once {
            let (http, make) = (http.clone(), Arc::clone(&make));
            asking.spawn(async move {
                let (mut took, mut number) = (Vec::new(), one);
                let mut all = 0;
                while Instant::now() < ends {
                    let asked = Instant::now();
                    ask(&http, make(number)).await?;
                    number += at_once;
                    all += 1;
                    if asked >= counts_from && Instant::now() < ends {
                        took.push(asked.elapsed());
                    }
                }
                Ok::<_, eyre::Report>((took, all))
            });
        }
        let (mut took, mut all) = (Vec::new(), 0);
        while let Some(asked) = asking.join_next().await {
            let (some, count) = asked??;
            took.extend(some);
            all += count;
        }
        Self::of(took, time, all)
    }

    /// So many a second. What takes long holds nobody up, and counts from when it was to be asked.
    pub(super) async fn steady(http: &Client, per_second: u64, time: Duration, make: Make) -> Result<Self> {
        let (mut asking, mut took, mut all) = (JoinSet::new(), Vec::new(), 0);
        // Some at each tick of the clock, which is no finer than a millisecond.
        let tick = Duration::from_millis(2);
        let each = per_second * 2 / 1_000;
        let mut ticks = interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let began = Instant::now();
        let (counts_from, ends) = (began + time / 5, began + time / 5 + time);
        while Instant::now() < ends {
            let due = ticks.tick().await;
            for _ in 0..each {
                let (http, request) = (http.clone(), make(all));
                all += 1;
                asking.spawn(async move {
                    ask(&http, request).await?;
                    Ok::<_, eyre::Report>((due >= counts_from).then(|| due.elapsed()))
                });
            }
            while let Some(asked) = asking.try_join_next() {
                took.extend(asked??);
            }
        }
        while let Some(asked) = asking.join_next().await {
            took.extend(asked??);
        }
        Self::of(took, time, all)
    }

    fn of(mut took: Vec<Duration>, time: Duration, all: u64) -> Result<Self> {
        took.sort();
        let at =
            |share: usize| took.get(took.len() * share / 100).copied().ok_or_eyre("nothing was answered");
        Ok(Self { per_second: took.len() as f64 / time.as_secs_f64(), p50: at(50)?, p99: at(99)?, all })
    }
}
