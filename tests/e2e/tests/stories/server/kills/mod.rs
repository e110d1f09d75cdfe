//! The server's processes, its database and its line to the chain are killed again and again, at random, while clients order, mint,
//! burn, redeem, verify and settle: the books of the chain, the database and the clients agree to the unit at the end.

mod blows;
mod books;
mod client;
mod gateway;
mod place;

use std::{env, sync::Arc, time::Duration};

use alloy::primitives::keccak256;
use eyre::{Result, WrapErr, bail};
use futures_util::future::{select_all, try_join_all};
use scrip_e2e::server::DatabaseKind;
use tokio::time::timeout;

use self::{
    books::check,
    client::{Client, Tally},
    place::Place,
};

/// How often something is killed, unless the environment says otherwise.
const KILLS: u64 = 16;
/// How many clients there are, each with a holder of its own.
const CLIENTS: usize = 6;
/// How long clients may take to get their last answers, once all is left alone.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

/// Numbers at random, the same for the same seed.
struct Draw {
    seed: u64,
    who: String,
    drawn: u64,
}

impl Draw {
    fn new(seed: u64, who: &str) -> Self {
        Self { seed, who: who.to_owned(), drawn: 0 }
    }

    /// A number below another.
    fn below(&mut self, limit: u64) -> u64 {
        self.drawn += 1;
        let hash = keccak256(format!("{} {} {}", self.seed, self.who, self.drawn));
        hash[..8].iter().fold(0, |number: u64, &byte| number << 8 | u64::from(byte)) % limit
    }

    /// A time below so many milliseconds.
    fn time(&mut self, milliseconds: u64) -> Duration {
        Duration::from_millis(self.below(milliseconds))
    }
}

fn number(name: &str, usually: u64) -> Result<u64> {
    env::var(name).map_or(Ok(usually), |number| Ok(number.parse()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_agree_after_kills_on_sqlite() -> Result<()> {
    tell(DatabaseKind::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_agree_after_kills_on_postgres() -> Result<()> {
    tell(DatabaseKind::Postgres).await
}

async fn tell(kind: DatabaseKind) -> Result<()> {
    let (kills, seed) = (number("SCRIP_KILLS", KILLS)?, number("SCRIP_KILLS_SEED", 7)?);
    // What there is no database for has been said.
    let Some(mut place) = Place::start(kind).await? else { return Ok(()) };
    let told = tell_at(&mut place, kills, seed).await;
    told.wrap_err_with(|| format!("{kind:?}, {kills} kills, seed {seed}; the servers say\n{}", place.says()))
}

#[expect(clippy::print_stderr, reason = "who runs it is told what was tried")]
async fn tell_at(place: &mut Place, kills: u64, seed: u64) -> Result<()> {
    let tally = Arc::<Tally>::default();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Client::new(place, number, seed, Arc::clone(&tally)).await?);
    }
    let mut working: Vec<_> = clients.into_iter().map(|client| tokio::spawn(client.work())).collect();
    let mut draw = Draw::new(seed, "blows");
    let blows = tokio::select! {
        blows = place.strike(kills, &mut draw, &tally) => blows?,
        // They work until they are told to end.
        (ended, ..) = select_all(&mut working) => bail!("a client gave up: {:?}", ended?.err()),
    };
    tally.end();
    let ended = timeout(SETTLED_WITHIN, try_join_all(working)).await.wrap_err("clients still wait")??;
    let books = ended.into_iter().collect::<Result<Vec<_>>>()?;
    let found = check(place, &books).await?;
    eprintln!("{:?}, seed {seed}: {blows}; {found}; {tally}", place.kind());
    Ok(())
}
