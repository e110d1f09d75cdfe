//! The journal of holds: in the database before an upstream sees a request, and many of them in one transaction.
//!
//! One task writes for all requests of this process. Whoever comes while it writes waits for the next transaction, which is one for
//! all who wait, and adds one row to this process's [log](log::Log), however many they are. The rows of holders are locked in one order,
//! so that replicas wait for each other and nobody waits for ever.

mod books;
mod cut;
mod decide;
mod log;
mod sessions;
mod short;
mod take;
mod told;
mod write;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use scrip::PlanId;
use sqlx::AnyConnection;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use alloy::primitives::Address;

use self::decide::Known;
pub(super) use self::{
    log::{Log, Owed},
    sessions::Counters,
};
use super::{view::Seen, voucher::SessionOf};
use crate::{
    database,
    problem::{Problem, ProblemKind},
    state::State,
};

/// The most entries of one transaction.
const AT_ONCE: usize = 512;
/// How long a transaction may take before its connection is given up.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
/// Where so many are written at once, it is waited for more, for so long: a transaction takes as long for hundreds as for a few.
const BUSY: usize = 24;
const GATHERED: Duration = Duration::from_millis(1);
/// How long is waited after one that failed.
const AGAIN: Duration = Duration::from_millis(100);

/// Whose credits of what plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Holding {
    pub(super) plan: PlanId,
    pub(super) holder: Address,
}

/// A request that is to be let in.
#[derive(Debug)]
pub(super) struct NewHold {
    pub(super) id: String,
    pub(super) of: Holding,
    pub(super) redeemer: Address,
    /// The access token's hash.
    pub(super) token: String,
    pub(super) is_single_use: bool,
    /// The most credits that it may take.
    pub(super) amount: u64,
    pub(super) is_time: bool,
    /// In which session it is redeemed, where the plan requires vouchers.
    pub(super) session: Option<SessionOf>,
    /// A hash of the caller's own key and one of what is asked under it.
    pub(super) key: Option<(String, String)>,
    pub(super) seen: Arc<Seen>,
}

/// What has become of it.
#[derive(Debug)]
pub(super) enum Held {
    /// It is let in, and so many credits are left besides.
    In { left: u64 },
    /// There are too few credits.
    Short {
        available: u64,
        /// Whether there are enough if nothing of what is not known yet is taken.
        is_doubtful: bool,
        /// Whether something was served to the holder, and is not redeemed yet.
        owes: bool,
        /// How often was bought for the holder before this was found.
        purchases: i64,
        /// The block of what was bought last, if that was not looked at.
        bought_in: Option<u64>,
    },
    /// More than is to be at risk is held, or not redeemed yet.
    AtRisk,
    /// The voucher of its session lets less be taken than is needed in all.
    Unvouched { needed: u64 },
    /// The token was revoked.
    Revoked,
    /// The token may be used once, and was.
    Used,
    /// The token may be used once, and it is not known yet whether it was.
    UnderWay,
    /// The key stands for a request already.
    Repeated,
}

/// How a request has ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) id: String,
    pub(super) of: Holding,
    /// What was held.
    pub(super) held: u64,
    /// The credits for what was delivered; none where nothing was.
    pub(super) used: Option<u64>,
    /// What was answered, to be answered again.
    pub(super) answer: Option<Answer>,
    /// What its caller calls it, as it is in the database.
    pub(super) name: Option<String>,
}

/// An answer that is kept.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// As JSON.
    pub(super) headers: String,
    /// In base64.
    pub(super) body: String,
}

/// What is to be written.
#[derive(Debug)]
enum Entry {
    Hold(Box<NewHold>, oneshot::Sender<Result<Held, Problem>>),
    /// Tells whether what was delivered under a name stands.
    End(Box<End>, Option<oneshot::Sender<bool>>),
    /// Nothing, but who waits for what came before it.
    Flush(oneshot::Sender<()>),
    /// A request is being delivered, and so many credits are due for what was.
    Progress(String, u64),
    /// What is due is to be put into a batch. Plans of which somebody waits for that, and since when.
    Cut(Arc<BTreeMap<PlanId, u64>>, Done),
    /// The log of a process that is gone is to be taken over.
    Take(String, Done),
}

/// Tells whether there was something to be done.
type Done = oneshot::Sender<Result<bool, Problem>>;

/// Hands over what is to be written.
#[derive(Debug, Clone)]
pub(super) struct Journal(mpsc::UnboundedSender<Entry>);

/// What is to be written comes out here.
#[derive(Debug)]
pub(super) struct Entries(mpsc::UnboundedReceiver<Entry>);

impl Journal {
    pub(super) fn new() -> (Self, Entries) {
        let (entries, taken) = mpsc::unbounded_channel();
        (Self(entries), Entries(taken))
    }

    /// Holds credits for a request. Who asks has a [`Ticket`](super::delivered::Ticket) for it before: whatever becomes of the answer,
    /// also if nobody takes it any more, what is held is let go of.
    pub(super) async fn hold(&self, hold: NewHold) -> Result<Held, Problem> {
        let (answer, answered) = oneshot::channel();
        let gone = || ProblemKind::BUSY.problem("this server ends");
        self.0.send(Entry::Hold(Box::new(hold), answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// A request has ended; it is written soon.
    pub(super) fn end(&self, end: End) {
        let _ = self.0.send(Entry::End(Box::new(end), None));
    }

    /// A request has ended; waits until it is written. Whether it stands: what others have let go of, since they took this process for
    /// gone, may have been asked again under its name.
    pub(super) async fn ended(&self, end: End) -> bool {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(Entry::End(Box::new(end), Some(answer)));
        answered.await.unwrap_or_default()
    }

    /// Puts what is due into batches, one after the other, and others are let in between. Of what plans somebody waits for that, and
    /// since when, in unix seconds.
    pub(super) async fn cut(&self, awaited: BTreeMap<PlanId, u64>) -> Result<(), Problem> {
        let awaited = Arc::new(awaited);
        while self.ask(|done| Entry::Cut(Arc::clone(&awaited), done)).await? {}
        Ok(())
    }

    /// Takes over what a process that is gone has left.
    pub(super) async fn take_over(&self, instance: String) -> Result<(), Problem> {
        self.ask(|done| Entry::Take(instance, done)).await?;
        Ok(())
    }

    async fn ask(&self, entry: impl FnOnce(Done) -> Entry) -> Result<bool, Problem> {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(entry(answer));
        answered.await.map_err(|_| ProblemKind::BUSY.problem("this server ends"))?
    }

    /// Waits until all is written that was handed over before.
    pub(super) async fn flush(&self) {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(Entry::Flush(answer));
        let _ = answered.await;
    }

    /// So many credits are due for what was delivered so far.
    pub(super) fn progress(&self, id: &str, used: u64) {
        let _ = self.0.send(Entry::Progress(id.to_owned(), used));
    }
}

/// What the one who writes knows.
#[derive(Debug, Default)]
struct Writer {
    /// A connection of its own, which is set as this journal is, and which nobody else waits for.
    connection: Option<AnyConnection>,
    log: Log,
    known: Known,
}

/// Writes what is handed over, for as long as it is not aborted.
pub(super) fn worker(state: &Arc<State>, mut entries: Entries) -> JoinHandle<()> {
    let state = Arc::clone(state);
    tokio::spawn(async move {
        let mut writer = Writer::default();
        let mut batch = Batch::default();
        let mut taken = Vec::new();
        let mut is_busy = false;
        loop {
            if batch.is_empty() && entries.0.recv_many(&mut taken, AT_ONCE).await == 0 {
                return;
            }
            if is_busy {
                sleep(GATHERED).await;
            }
            // What failed before is not kept waiting for more.
            while taken.len() < AT_ONCE
                && let Ok(entry) = entries.0.try_recv()
            {
                taken.push(entry);
            }
            is_busy = taken.len() >= BUSY;
            batch.take(&mut taken);
            if let Err(problem) = writer.write(&state, &mut batch).await {
                tracing::warn!(problem.detail, "holds could not be written");
                batch.fail(&problem);
                sleep(AGAIN).await;
            }
        }
    })
}

/// What is written in one transaction, but for the tasks.
#[derive(Debug, Default)]
struct Batch {
    holds: Vec<(NewHold, oneshot::Sender<Result<Held, Problem>>)>,
    ends: Vec<(End, Option<oneshot::Sender<bool>>)>,
    progress: Vec<(String, u64)>,
    flushes: Vec<oneshot::Sender<()>>,
    /// Each a transaction of its own.
    tasks: Vec<(Task, Done)>,
}

#[derive(Debug)]
enum Task {
    Cut(Arc<BTreeMap<PlanId, u64>>),
    Take(String),
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.ends.is_empty() && self.flushes.is_empty() && self.tasks.is_empty()
    }

    fn take(&mut self, taken: &mut Vec<Entry>) {
        for entry in taken.drain(..) {
            match entry {
                // Nothing is held for who has gone.
                Entry::Hold(_, answer) if answer.is_closed() => {}
                Entry::Hold(hold, answer) => self.holds.push((*hold, answer)),
                Entry::End(end, answer) => self.ends.push((*end, answer)),
                Entry::Flush(answer) => self.flushes.push(answer),
                Entry::Progress(id, used) => self.progress.push((id, used)),
                Entry::Cut(awaited, done) => self.tasks.push((Task::Cut(awaited), done)),
                Entry::Take(instance, done) => self.tasks.push((Task::Take(instance), done)),
            }
        }
    }

    /// It is not known whether anything was written: what was to be held is let go of by who is told this, and what has ended is
    /// written again.
    fn fail(&mut self, problem: &Problem) {
        for (_, answer) in std::mem::take(&mut self.holds) {
            let _ = answer.send(Err(problem.clone()));
        }
        for (_, done) in std::mem::take(&mut self.tasks) {
            let _ = done.send(Err(problem.clone()));
        }
        self.progress.clear();
    }
}

impl Writer {
    /// Writes a batch. When that fails, it is not known what was written, and looked before anything else is.
    async fn write(&mut self, state: &State, batch: &mut Batch) -> Result<(), Problem> {
        let written = self.try_write(state, batch).await;
        if written.is_err() {
            self.connection = None;
            self.known = Known::default();
        }
        written
    }

    async fn try_write(&mut self, state: &State, batch: &mut Batch) -> Result<(), Problem> {
        let Self { connection, log, known } = self;
        let db = match connection {
            Some(db) => db,
            None => connection.insert(in_time(connect(state, log)).await?),
        };
        if !batch.holds.is_empty() || !batch.ends.is_empty() || !batch.progress.is_empty() {
            let (held, stand) = in_time(write::write(state, db, batch, (log, known))).await?;
            batch.progress.clear();
            for ((_, answer), stands) in std::mem::take(&mut batch.ends).into_iter().zip(stand) {
                if let Some(answer) = answer {
                    let _ = answer.send(stands);
                }
            }
            for ((_, answer), held) in std::mem::take(&mut batch.holds).into_iter().zip(held) {
                // Who has gone meanwhile lets go of it.
                let _ = answer.send(Ok(held));
            }
        }
        for answer in std::mem::take(&mut batch.flushes) {
            let _ = answer.send(());
        }
        while let Some((task, done)) = batch.tasks.pop() {
            let outcome = match &task {
                Task::Cut(awaited) => in_time(cut::cut_what_is_due(state, db, log, awaited)).await,
                Task::Take(instance) => {
                    in_time(take::take_over(state, db, log, instance)).await.map(|()| true)
                }
            };
            let failed = outcome.as_ref().err().cloned();
            let _ = done.send(outcome);
            if let Some(problem) = failed {
                return Err(problem);
            }
        }
        Ok(())
    }
}

/// A connection, with which it is known what the log says, and that nothing else is being written to it.
async fn connect(state: &State, log: &mut Log) -> Result<AnyConnection, Problem> {
    let mut db = database::connect(state, state.gate.settings.outlives_power).await?;
    loop {
        log.catch_up(&mut db, &state.instance).await?;
        if log.fence(&mut db, &state.instance).await? {
            return Ok(db);
        }
    }
}

async fn in_time<T>(writing: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    timeout(WRITTEN_WITHIN, writing)
        .await
        .map_err(|_| ProblemKind::BUSY.problem("the database takes too long"))?
}
