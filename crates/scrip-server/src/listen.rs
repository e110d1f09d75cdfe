//! Connections: taken, bounded, and ended.

use std::{future::Future, io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::Bounds;

/// How long the head of a request may take to come.
const HEAD: Duration = Duration::from_secs(15);
/// The most connections at once; who comes then waits to be let in.
const CONNECTIONS: usize = 8_192;
/// How long is waited when a connection could not be taken: there may be no descriptor left.
const AGAIN: Duration = Duration::from_millis(500);

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves until it is told to end, and then until what was begun is answered, or its time is over.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    bounds: &Bounds,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let (ending, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
    let mut shutdown = pin!(shutdown);
    loop {
        let taken = async {
            let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?, place))
        };
        let taken = tokio::select! {
            taken = taken => taken,
            () = &mut shutdown => break,
        };
        let ((stream, from), place) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                sleep(AGAIN).await;
                continue;
            }
        };
        // Answers are small, and whoever waits for one waits for all of it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection that is slower than it could be");
        }
        let app = app.clone().map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(from.ip()));
            one_slash(request)
        });
        // Who asks for answers and takes none keeps no connection from others.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(bounds.reading));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = http.serve_connection(stream, TowerToHyperService::new(app));
        let connection = ending.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(bounds.ending, ending.shutdown()).await.is_err() {
        tracing::warn!("some requests were not answered in time");
    }
    Ok(())
}

/// The Python SDK writes two slashes where the server's URL ends in one.
fn one_slash(mut request: Request) -> Request {
    if request.uri().path().starts_with("//") {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let path = format!("/{}", path.trim_start_matches('/'));
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
        }
    }
    request
}
