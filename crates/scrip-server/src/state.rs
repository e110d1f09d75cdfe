//! What all requests share.

use std::{fmt, sync::Arc};

use sqlx::AnyPool;
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::{
    Bounds, access_token::TokenSigner, account::as_i64, api_key::KeySigner, card::Processor, chain::Chain,
    gateway::Gate, holds::Turns, index::Indexing, mail::Mailer, metrics::Metrics, pages::Pages, peers::Peers,
    rate::Rate, running::Running, sign_in::Place, vault::Vault, writing::Turn,
};

/// The time, in unix seconds.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// Any other clock than the machine's.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    pub fn now(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    /// The machine's clock.
    fn default() -> Self {
        Self::new(|| jiff::Timestamp::now().as_second().try_into().unwrap_or_default())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) db: AnyPool,
    /// Whose turn it is to write to it.
    pub(crate) turn: Turn,
    pub(crate) chain: Chain,
    pub(crate) keys: KeySigner,
    pub(crate) tokens: TokenSigner,
    pub(crate) turns: Turns,
    pub(crate) vault: Vault,
    pub(crate) clock: Clock,
    pub(crate) indexing: Indexing,
    pub(crate) bounds: Bounds,
    /// Keys the hashes of what was asked.
    pub(crate) repeat_key: Zeroizing<[u8; 32]>,
    /// Keys the hashes of codes that are sent by e-mail.
    pub(crate) code_key: Zeroizing<[u8; 32]>,
    /// Keys the nonces that are signed to log in.
    pub(crate) nonce_key: Zeroizing<[u8; 32]>,
    /// Which of the processes that share the database this one is.
    pub(crate) instance: String,
    /// The operations that it does.
    pub(crate) running: Running,
    /// The others.
    pub(crate) peers: Peers,
    /// The card processor, if there is one.
    pub(crate) processor: Option<Processor>,
    /// Told whenever Stripe has news of a payment.
    pub(crate) card_news: Notify,
    pub(crate) rate: Rate,
    /// Where all reach the server, if that is known.
    pub(crate) place: Option<Place>,
    /// Who sends e-mails, if anybody.
    pub(crate) mailer: Option<Mailer>,
    pub(crate) pages: Pages,
    pub(crate) metrics: Metrics,
    pub(crate) gate: Gate,
}

impl State {
    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    pub(crate) fn now_i64(&self) -> i64 {
        as_i64(self.now())
    }
}
