//! The server: what it is started with, and how it runs.

use std::{any::Any, future::Future, io, num::NonZeroU32, sync::Arc, time::Duration};

use alloy::{primitives::U256, rpc::client::RpcClient, signers::local::PrivateKeySigner};
use axum::{
    BoxError, Json, Router,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, Request},
    http::Uri,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use scrip::{Deployment, JournalError, SqlJournal};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tower::{ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed::error::Overloaded};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::{DefaultOnResponse, TraceLayer},
};
use tracing::{Level, Span};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Bounds, Gateway, IndexCheck, Indexing, MasterKey, Pages, Stripe,
    access_token::TokenSigner,
    api_key::KeySigner,
    behind::Behind,
    card::{self, Processor},
    chain::Chain,
    database, document,
    gateway::{self, Gate},
    index::{check, follow},
    limit::Limits,
    listen,
    mail::Mailer,
    metrics, pages,
    problem::{Problem, ProblemKind},
    rate::{self, Rate},
    routes::{self, keys::YEAR},
    scope::{Scope, Scopes},
    sign_in::Place,
    state::{Clock, State},
    vault::Vault,
    widget,
    writing::{self, JournalInTurn, Turn},
};

/// What a server is started with.
#[derive(Debug)]
pub struct Config {
    /// The database: `sqlite:///path/to/file`, or `postgres://user@host/name`.
    pub database: String,
    /// The node.
    pub node: RpcClient,
    /// Where Scrip is.
    pub deployment: Deployment,
    /// Under which secrets are sealed. All replicas must share it.
    pub master_key: MasterKey,
    /// Who pays for the gas of managed accounts; nobody without.
    pub fund: Option<Fund>,
    /// By whom cards are charged; by nobody without.
    pub stripe: Option<Stripe>,
    /// How often a second each API key, and each address without one, may ask; ten times as often at once. As often as it likes
    /// without a number.
    pub requests_per_second: Option<NonZeroU32>,
    /// Where all reach the server, such as `https://api.example`: wallets show it to those who log in with one, which nobody can
    /// without.
    pub public_url: Option<String>,
    /// The builder's pages.
    pub pages: Pages,
    /// The time.
    pub clock: Clock,
    /// How the chain is followed for lists and histories.
    pub indexing: Indexing,
    /// How requests to services are forwarded.
    pub gateway: Gateway,
    /// What keeps those who ask from holding up all others.
    pub bounds: Bounds,
}

/// Who pays for the gas of managed accounts.
#[derive(Debug)]
pub struct Fund {
    /// The account.
    pub signer: PrivateKeySigner,
    /// A managed account that has less than this, in wei, is given twice this.
    pub least: U256,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database.
    #[error("the database cannot be used: {0}")]
    Database(sqlx::Error),
    /// The journal of signed transactions, in the same database.
    #[error("the journal cannot be used: {0}")]
    Journal(JournalError),
    /// Where all reach it.
    #[error("`{0}` is no URL with a host, such as https://api.example")]
    PublicUrl(String),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] scrip::Error),
    /// The card processor.
    #[error("the card processor cannot be used: {0}")]
    Stripe(String),
    /// The mail server.
    #[error("e-mails cannot be sent: {0}")]
    Mail(String),
    /// The client for upstreams.
    #[error("the gateway cannot be used: {0}")]
    Gateway(String),
    /// The system.
    #[error("threads cannot be started: {0}")]
    Threads(io::Error),
    /// What was to be done first.
    #[error("{}", .0.detail)]
    Problem(Problem),
}

// Not by `#[from]`, which would make its message, said above, the cause as well.
impl From<sqlx::Error> for StartError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Problem> for StartError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A server that is ready to run.
#[derive(Debug)]
pub struct Server {
    state: Arc<State>,
    /// Writes the gateway's holds.
    writer: Option<JoinHandle<()>>,
    behind: Behind,
}

/// The most bytes of a request.
const BODY: usize = 1 << 20;
/// The longest that a request takes.
const LONGEST: Duration = Duration::from_secs(28);

impl Server {
    /// Opens the database, connects to the chain, and goes on with what was left unfinished.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the database or the chain cannot be used, or Scrip is not there.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let Config {
            database,
            node,
            deployment,
            master_key,
            fund,
            stripe,
            requests_per_second,
            public_url,
            pages,
            clock,
            indexing,
            gateway,
            bounds,
        } = config;
        let place = match public_url {
            None => None,
            Some(url) => Some(Place::new(&url).ok_or(StartError::PublicUrl(url))?),
        };
        let processor = stripe.map(Processor::new).transpose();
        let processor = processor.map_err(|error| StartError::Stripe(error.to_string()))?;
        let mailer = pages.mail.as_ref().map(Mailer::new).transpose().map_err(StartError::Mail)?;
        let db = database::open(&database).await?;
        let is_sqlite = database::is_sqlite(&database);
        let turn = Turn::new(is_sqlite);
        let journal = SqlJournal::new(db.clone()).await.map_err(StartError::Journal)?;
        let journal = Arc::new(JournalInTurn { journal, turn: turn.clone() });
        let fund = fund.map(|Fund { signer, least }| (signer, least));
        let chain = Chain::connect(node, deployment, journal, fund).await?;
        let gate = Gate::new(gateway).map_err(|error| StartError::Gateway(error.to_string()))?;
        let state = Arc::new(State {
            db,
            turn,
            chain,
            keys: KeySigner::new(&master_key),
            tokens: TokenSigner::new(&master_key),
            turns: Default::default(),
            vault: Vault::new(&master_key),
            clock,
            indexing,
            bounds,
            repeat_key: master_key.derive("scrip repeated requests"),
            code_key: master_key.derive("scrip codes by e-mail"),
            nonce_key: master_key.derive("scrip log-in nonces"),
            instance: database::fresh_id(),
            processor,
            card_news: Default::default(),
            running: Default::default(),
            peers: Default::default(),
            rate: Rate::new(requests_per_second),
            place,
            mailer,
            pages,
            metrics: Default::default(),
            gate,
        });
        // One file has one process: whatever another has left is this one's.
        if is_sqlite {
            let mut db = state.in_turn().await?;
            sqlx::query("DELETE FROM instances").execute(&mut *db).await?;
            sqlx::query("UPDATE index_state SET leader = NULL, term = term + 1").execute(&mut *db).await?;
            sqlx::query("UPDATE card_payments SET leased = 0").execute(&mut *db).await?;
        }
        let behind = Behind::new().map_err(StartError::Threads)?;
        let writer = {
            let _there = behind.enter();
            gateway::writer(&state)
        };
        state.beat().await?;
        Ok(Self { state, writer, behind })
    }

    /// Makes an account for who runs the server, and an API key that may make others and all that is its own, which ends after
    /// a year.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn admin_key(&self) -> Result<String, StartError> {
        let account = self.state.create_account("admin").await?;
        let year = self.state.now() + YEAR;
        let (_, key) = self
            .state
            .create_key(account, "admin", Scopes::ALL.with(Scope::Admin), Limits::default(), year)
            .await?;
        Ok(key)
    }

    /// Takes an account over with its key, unless it is there, and makes an API key for all that is its own, which ends after a
    /// year. For a start; over HTTP accounts make keys themselves.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn import(&self, name: &str, signer: &PrivateKeySigner) -> Result<String, StartError> {
        let account = self.state.import_account(name, signer).await?;
        let year = self.state.now() + YEAR;
        let (_, key) = self.state.create_key(account, name, Scopes::ALL, Limits::default(), year).await?;
        Ok(key)
    }

    /// Empties the index of the chain's events, so that it is made again from nothing; lists show what there is meanwhile.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn reindex(&self) -> Result<(), StartError> {
        Ok(self.state.empty_index().await?)
    }

    /// Waits until the index has come as far as the chain is now, and compares what every holder has by it with what the chain
    /// says. Some process on this database must [run](Server::run) meanwhile.
    ///
    /// # Errors
    ///
    /// When the database or the chain fails, or what the index holds does not follow from itself.
    pub fn check_index(&self) -> impl Future<Output = Result<IndexCheck, StartError>> + Send + use<> {
        check(Arc::clone(&self.state))
    }

    /// The application, without a listener.
    pub fn app(&self) -> Router {
        let (router, mut document) =
            OpenApiRouter::with_openapi(document::empty()).merge(routes::all()).split_for_parts();
        document::complete(&mut document);
        let document = Arc::new(document);
        router
            .merge(pages::routes(&self.state))
            .merge(widget::pages(&self.state))
            .route("/openapi.json", get(move || async move { Json(Arc::clone(&document)) }))
            .fallback(async |uri: Uri| {
                ProblemKind::NO_ROUTE
                    .problem(format!("there is nothing at {}", uri.path()))
                    .hint("see /openapi.json")
            })
            .method_not_allowed_fallback(async || {
                ProblemKind::NO_METHOD
                    .problem("this is asked for by another method")
                    .hint("see /openapi.json")
            })
            .layer(
                ServiceBuilder::new()
                    .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
                    .layer(
                        TraceLayer::new_for_http()
                            .make_span_with(span)
                            .on_response(DefaultOnResponse::new().level(Level::INFO)),
                    )
                    .layer(PropagateRequestIdLayer::x_request_id())
                    .layer(from_fn_with_state(Arc::clone(&self.state), metrics::count))
                    .layer(CatchPanicLayer::custom(panicked))
                    .layer(from_fn_with_state(Arc::clone(&self.state), rate::limit))
                    .layer(HandleErrorLayer::new(too_slow))
                    .load_shed()
                    .layer(GlobalConcurrencyLimitLayer::new(self.state.bounds.requests))
                    .timeout(LONGEST)
                    .layer(DefaultBodyLimit::max(BODY)),
            )
            .merge(self.gateway())
            .with_state(Arc::clone(&self.state))
    }

    /// The gateway, whose requests take as long and are as large as its own settings let them.
    fn gateway(&self) -> Router<Arc<State>> {
        gateway::routes().layer(
            ServiceBuilder::new()
                .layer(from_fn_with_state(Arc::clone(&self.state), metrics::count))
                .layer(CatchPanicLayer::custom(panicked))
                .layer(HandleErrorLayer::new(too_slow))
                .load_shed()
                .layer(GlobalConcurrencyLimitLayer::new(self.state.bounds.requests)),
        )
    }

    /// Serves until it is told to end, and then until what was begun is answered.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let workers = {
            let _there = self.behind.enter();
            [
                Some(self.state.go_on_beating()),
                Some(card::worker(&self.state)),
                Some(gateway::cashier(&self.state)),
                Some(tokio::spawn(follow(Arc::clone(&self.state)))),
                writing::worker(&self.state),
            ]
        };
        let served = listen::serve(listener, self.app(), &self.state.bounds, shutdown).await;
        workers.iter().flatten().for_each(JoinHandle::abort);
        // Nor is a database waited for that does not answer.
        if timeout(self.state.bounds.ending, self.leave()).await.is_err() {
            tracing::warn!(
                "the database does not answer: the others find out by themselves that this process ends"
            );
        }
        served
    }

    async fn leave(&self) {
        // Before the others take what is left for theirs.
        gateway::flush(&self.state).await;
        if let Err(problem) = self.state.stop_leading().await {
            tracing::warn!(problem.detail, "the index could not be left to another process");
        }
        if let Err(error) = self.state.leave().await {
            tracing::warn!(%error, "the others could not be told that this process ends");
        }
        if let Some(writer) = &self.writer {
            writer.abort();
        }
        self.state.db.close().await;
    }
}

/// A request that took too long, or that there is no room for: nothing of it goes on but an operation that was taken down.
async fn too_slow(error: BoxError) -> Problem {
    let detail = match error.is::<Overloaded>() {
        true => "there are too many requests at once".to_owned(),
        false => format!("the request was given up: {error}"),
    };
    ProblemKind::BUSY.problem(detail).hint("send the same request again")
}

/// What a fault of the program is answered with, whose place is in the log.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ProblemKind::INTERNAL
        .problem("this server failed; its log says why")
        .hint("tell who runs it")
        .into_response()
}

/// What the log says of a request: never its headers, which hold its key.
fn span(request: &Request) -> Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
}
