//! What is killed, and when.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    time::Duration,
};

use eyre::{Result, ensure};
use scrip_e2e::faults::{Chance, Fault};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use super::{Draw, client::Tally, place::Place};

/// The longest between two blows, in milliseconds, besides what clients need to get an answer.
const BETWEEN: u64 = 2_000;
/// The longest that a process or a database stays away, in milliseconds.
const AWAY: u64 = 700;
/// The longest that the line to the chain is broken, in milliseconds.
const BROKEN: u64 = 2_500;
/// Longer than this, without an answer to anyone, is standing still.
const STILL: Duration = Duration::from_secs(120);

/// How often what was killed.
#[derive(Debug, Default)]
pub(super) struct Blows(BTreeMap<&'static str, u64>);

impl Display for Blows {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} kills", self.0.values().sum::<u64>())?;
        let parts = self.0.iter().map(|(what, times)| format!("{what} {times}"));
        write!(f, " ({})", parts.collect::<Vec<_>>().join(", "))
    }
}

impl Place {
    /// Kills something, again and again, and mends all of it at the end.
    pub(super) async fn strike(&mut self, kills: u64, draw: &mut Draw, tally: &Tally) -> Result<Blows> {
        let mut blows = Blows::default();
        for _ in 0..kills {
            // Every fourth time at whoever may still be with what the one before has left.
            if draw.below(4) != 0 {
                self.answered(tally).await?;
            }
            sleep(draw.time(BETWEEN)).await;
            *blows.0.entry(self.strike_once(draw).await?).or_default() += 1;
        }
        self.node.heal();
        for server in &self.servers {
            server.serves().await?;
        }
        Ok(blows)
    }

    async fn strike_once(&mut self, draw: &mut Draw) -> Result<&'static str> {
        let (servers, of) = (self.servers.len() as u64, draw.below(8));
        match (of, &mut self.postgres) {
            // A process that has SQLite's file is the database as well.
            (0..3, _) | (3..6, None) => {
                self.servers[draw.below(servers) as usize].kill(draw.time(AWAY)).await?;
                Ok("one server")
            }
            (3, Some(_)) => {
                for server in &self.servers {
                    server.kill(draw.time(AWAY)).await?;
                }
                Ok("both servers")
            }
            (4 | 5, Some(postgres)) => {
                let away = draw.time(AWAY);
                block_in_place(|| postgres.crash())?;
                sleep(away).await;
                block_in_place(|| postgres.start_again())?;
                Ok("Postgres")
            }
            _ => {
                let lost = [Fault::DropBefore, Fault::DropAfter, Fault::Truncate, Fault::Unavailable];
                self.node.at_random(Chance::per_mille(800, draw.below(u64::MAX)).of(lost));
                sleep(draw.time(BROKEN)).await;
                self.node.heal();
                Ok("the line to Anvil")
            }
        }
    }

    /// Waits until someone gets an answer.
    async fn answered(&self, tally: &Tally) -> Result<()> {
        let (before, began) = (tally.answers(), Instant::now());
        while tally.answers() == before {
            ensure!(began.elapsed() < STILL, "nobody gets an answer");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
