//! The answer on its way to the caller: counted as it flows, cut where the credits end, and settled when it has ended, however it
//! ends.

use std::{
    collections::VecDeque,
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{
    journal::{Answer, End, Journal, NewHold},
    meter::{Meter, Taken},
};

/// How often what is due for a stream is taken down.
const PROGRESS: Duration = Duration::from_secs(1);

/// How long what was delivered last may take onto the wire, before a connection is broken off to tell that it is not all.
const FLUSHED_WITHIN: Duration = Duration::from_millis(250);

/// The hold of a request: let go of when this is dropped, unless it was settled.
#[derive(Debug)]
pub(super) struct Ticket {
    journal: Journal,
    end: Option<End>,
    is_time: bool,
}

impl Ticket {
    /// Of what is going to be held.
    pub(super) fn new(journal: Journal, hold: &NewHold) -> Self {
        let (id, of, held) = (hold.id.clone(), hold.of.clone(), hold.credits());
        let name = hold.key.as_ref().map(|(name, _)| name.clone());
        let end = Some(End { id, of, held, used: None, answer: None, name });
        Self { journal, end, is_time: hold.is_time }
    }

    /// Nothing was held.
    pub(super) fn forget(&mut self) {
        self.end = None;
    }

    /// What was delivered costs so many credits.
    fn settle(&mut self, used: u64) {
        if let Some(end) = self.end.take() {
            self.journal.end(self.used(end, used));
        }
    }

    /// The same, and waits until it is in the database with what is going to be answered. Whether that may be answered.
    pub(super) async fn settle_first(mut self, used: u64, answer: Answer) -> bool {
        let Some(end) = self.end.take() else { return false };
        let end = End { answer: Some(answer), ..self.used(end, used) };
        self.journal.ended(end).await
    }

    /// Nothing was delivered; waits until that is in the database.
    pub(super) async fn release_first(mut self) {
        if let Some(end) = self.end.take() {
            self.journal.ended(end).await;
        }
    }

    fn used(&self, end: End, used: u64) -> End {
        // Access is not used up.
        let used = if self.is_time { 0 } else { used.min(end.held) };
        End { used: Some(used), ..end }
    }

    fn progress(&self, used: u64) {
        if let Some(end) = self.end.as_ref().filter(|_| !self.is_time) {
            self.journal.progress(&end.id, used.min(end.held));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.journal.end(end);
        }
    }
}

/// How an answer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All of it is with the caller.
    Whole,
    /// There was no credit left for more of it.
    Cut,
    /// The upstream took longer than a request may.
    Late,
    /// The caller did, for more of it was there.
    Slow,
    /// The caller has gone.
    HungUp,
    /// The upstream has broken off.
    Broken,
}

/// An answer's body.
pub(super) struct Delivered {
    /// What has come already.
    head: VecDeque<Bytes>,
    rest: Option<Body>,
    meter: Meter,
    ticket: Option<Ticket>,
    /// Whether its price does not depend on how much of it comes.
    is_all_or_nothing: bool,
    is_events: bool,
    delivered: u64,
    /// How many bytes it has, if that was said.
    expected: Option<u64>,
    patience: Duration,
    silence: Pin<Box<Sleep>>,
    deadline: Pin<Box<Sleep>>,
    told_at: Instant,
    ended: Option<Ending>,
    /// Whether the caller is there.
    is_heard: bool,
}

/// How an answer is delivered.
pub(super) struct Delivery {
    pub(super) head: VecDeque<Bytes>,
    pub(super) rest: Option<Body>,
    pub(super) meter: Meter,
    /// None of what costs nothing, or is settled already.
    pub(super) ticket: Option<Ticket>,
    pub(super) is_all_or_nothing: bool,
    pub(super) is_events: bool,
    pub(super) expected: Option<u64>,
    pub(super) patience: Duration,
    pub(super) until: Instant,
}

impl From<Delivery> for Delivered {
    fn from(delivery: Delivery) -> Self {
        let Delivery { head, rest, meter, ticket, is_all_or_nothing, is_events, expected, patience, until } =
            delivery;
        Self {
            head,
            rest,
            meter,
            ticket,
            is_all_or_nothing,
            is_events,
            delivered: 0,
            expected,
            patience,
            silence: Box::pin(sleep(patience)),
            deadline: Box::pin(sleep_until(until)),
            told_at: Instant::now(),
            ended: None,
            is_heard: true,
        }
    }
}

impl Delivered {
    /// The caller has gone, and what was delivered is paid for by what its end says: that is read.
    fn read_on(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return self.end(Ending::HungUp) };
        let left = Self {
            head: std::mem::take(&mut self.head),
            rest: self.rest.take(),
            meter: self.meter.clone(),
            ticket: self.ticket.take(),
            expected: None,
            silence: Box::pin(sleep(self.patience)),
            deadline: Box::pin(sleep_until(self.deadline.deadline())),
            is_heard: false,
            ..*self
        };
        self.ended = Some(Ending::HungUp);
        runtime.spawn(async move {
            let mut left = Body::new(left).into_data_stream();
            while let Some(Ok(_)) = left.next().await {}
        });
    }

    fn end(&mut self, ending: Ending) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(ending);
        self.silence.as_mut().reset(Instant::now() + FLUSHED_WITHIN);
        self.rest = None;
        self.head.clear();
        let is_delivered = match ending {
            Ending::Whole | Ending::Cut => true,
            Ending::HungUp | Ending::Slow => self.delivered > 0,
            Ending::Late | Ending::Broken => self.delivered > 0 && !self.is_all_or_nothing,
        };
        let Some(mut ticket) = self.ticket.take() else { return };
        if is_delivered {
            ticket.settle(self.meter.credits(ending == Ending::Whole));
        }
    }

    /// There is no time left. What is still said of that, in a stream of events.
    fn end_late(&mut self, ending: Ending) -> Option<Bytes> {
        self.end(ending);
        self.is_events.then(|| Bytes::from_static(LATE))
    }

    /// A part of the answer is there.
    fn pass(&mut self, part: Bytes) -> Option<Bytes> {
        let part = match self.meter.take(&part) {
            Taken::All => part,
            Taken::Part(length) => {
                let mut part = part.slice(..length);
                self.delivered += length as u64;
                self.end(Ending::Cut);
                if self.is_events {
                    part = [&part, CUT].concat().into();
                }
                return (!part.is_empty()).then_some(part);
            }
        };
        self.delivered += part.len() as u64;
        if !self.is_all_or_nothing && self.told_at.elapsed() >= PROGRESS {
            self.told_at = Instant::now();
            let due = self.meter.credits(false);
            if let Some(ticket) = &self.ticket {
                ticket.progress(due);
            }
        }
        Some(part)
    }

    /// How a caller is told of an ending.
    fn last(&self) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let broken = |what: &str| Poll::Ready(Some(Err(io::Error::other(what.to_owned()))));
        match self.ended {
            // Events end where one ends; a body that is cut is not to be taken for a whole one.
            Some(Ending::Cut) if !self.is_events => broken("the credits that were held are used"),
            Some(Ending::Late | Ending::Slow) if !self.is_events => {
                broken("it took longer than a request may")
            }
            Some(Ending::Broken) => broken("the upstream broke off"),
            _ => Poll::Ready(None),
        }
    }
}

/// The last event of a stream for which there was no credit left.
const CUT: &[u8] = b"\n\nevent: error\ndata: {\"error\":{\"code\":\"BCK.CREDITS.0003\",\"message\":\"the credits that were held for this \
                     request are used\"}}\n\n";

/// The same of one for which there was no time left.
const LATE: &[u8] = b"\n\nevent: error\ndata: {\"error\":{\"code\":\"SCRIP.GATEWAY.TIMEOUT\",\"message\":\"this took longer than a \
                      request may\"}}\n\n";

impl HttpBody for Delivered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        loop {
            if let Some(ending) = this.ended {
                // What was handed over is on the wire before the connection breaks.
                let breaks = match ending {
                    Ending::Broken => true,
                    Ending::Cut | Ending::Late | Ending::Slow => !this.is_events,
                    Ending::Whole | Ending::HungUp => false,
                };
                if breaks && this.silence.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                return this.last();
            }
            let is_late = this.deadline.as_mut().poll(context).is_ready();
            let part = match (this.head.pop_front(), &mut this.rest) {
                (Some(part), _) => part,
                (None, None) => {
                    this.end(Ending::Whole);
                    continue;
                }
                (None, Some(rest)) => match Pin::new(rest).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(part) => part,
                        // Trailers are the upstream's.
                        Err(_) => continue,
                    },
                    Poll::Ready(Some(Err(error))) => {
                        tracing::debug!(%error, "an upstream broke off");
                        this.end(Ending::Broken);
                        continue;
                    }
                    Poll::Ready(None) => {
                        this.end(Ending::Whole);
                        continue;
                    }
                    Poll::Pending if is_late => {
                        if let Some(told) = this.end_late(Ending::Late) {
                            return Poll::Ready(Some(Ok(Frame::data(told))));
                        }
                        continue;
                    }
                    Poll::Pending => {
                        if this.silence.as_mut().poll(context).is_ready() {
                            this.end(Ending::Broken);
                            continue;
                        }
                        return Poll::Pending;
                    }
                },
            };
            if is_late {
                if let Some(told) = this.end_late(Ending::Slow) {
                    return Poll::Ready(Some(Ok(Frame::data(told))));
                }
                continue;
            }
            let patience = this.patience;
            this.silence.as_mut().reset(Instant::now() + patience);
            if let Some(part) = this.pass(part) {
                return Poll::Ready(Some(Ok(Frame::data(part))));
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.expected {
            Some(expected) if self.is_all_or_nothing => {
                SizeHint::with_exact(expected.saturating_sub(self.delivered))
            }
            _ => SizeHint::default(),
        }
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        // A connection does not ask for more than was announced.
        let is_whole = self.expected == Some(self.delivered);
        let is_left = self.is_heard && self.ended.is_none() && self.delivered > 0;
        if is_left && !is_whole && self.meter.is_told_at_the_end() {
            self.read_on();
        } else {
            self.end(if is_whole { Ending::Whole } else { Ending::HungUp });
        }
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivered")
            .field("delivered", &self.delivered)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
