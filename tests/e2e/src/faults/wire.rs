//! A line to a database that breaks.

use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A line before a server, which breaks when it is told to. It ends when it is dropped.
#[derive(Debug)]
pub struct FaultyLine {
    port: u16,
    state: Arc<Mutex<State>>,
    cut: watch::Sender<()>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    /// What is said just before it breaks.
    last_words: Option<Vec<u8>>,
    is_broken: bool,
    /// Whether it stays, and nothing passes.
    is_silent: bool,
}

impl FaultyLine {
    /// Listens before the server on this port of the machine.
    pub async fn before(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (here, there) = (listener.local_addr()?.port(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let state = Arc::<Mutex<State>>::default();
        let (cut, cuts) = watch::channel(());
        let server = tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    // Whom it is broken for hears of nothing.
                    tokio::spawn(pass(client, there, Arc::clone(&state), cuts.clone()));
                }
            }
        });
        Ok(Self { port: here, state, cut, server })
    }

    /// Where clients reach it.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Breaks once these words were passed on: the server does what it is asked, and its answer is lost. Nobody gets through then.
    pub fn break_after(&self, words: &[u8]) {
        with(&self.state).last_words = Some(words.to_vec());
    }

    /// Breaks for everyone, now.
    pub fn cut(&self) {
        with(&self.state).is_broken = true;
        self.cut.send_replace(());
    }

    /// Lets nothing pass any more: nobody hears that it is broken.
    pub fn fall_silent(&self) {
        with(&self.state).is_silent = true;
        self.cut.send_replace(());
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        with(&self.state).is_broken
    }

    /// Mends it.
    pub fn mend(&self) {
        *with(&self.state) = State::default();
    }
}

impl Drop for FaultyLine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn with(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass(
    mut client: TcpStream,
    there: SocketAddr,
    state: Arc<Mutex<State>>,
    mut cuts: watch::Receiver<()>,
) -> io::Result<()> {
    // Of cuts before this one nothing is to be heard.
    cuts.mark_unchanged();
    if with(&state).is_silent {
        return pending().await;
    }
    if with(&state).is_broken {
        return Ok(());
    }
    let mut server = TcpStream::connect(there).await?;
    let (mut asking, mut told) = client.split();
    let (mut answering, mut asked) = server.split();
    let there = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = asking.read(&mut buffer).await?;
            let said = &buffer[..read];
            let is_last = {
                let mut state = with(&state);
                let is_last = state
                    .last_words
                    .as_ref()
                    .is_some_and(|words| said.windows(words.len()).any(|window| window == words));
                state.is_broken |= is_last;
                is_last
            };
            asked.write_all(said).await?;
            if read == 0 || is_last {
                return Ok::<_, io::Error>(is_last);
            }
        }
    };
    // Either ends when its side does.
    let broke = tokio::select! {
        broke = there => broke?,
        copied = copy(&mut answering, &mut told) => copied.map(|_| false)?,
        _ = cuts.changed() => false,
    };
    if with(&state).is_silent {
        return pending().await;
    }
    if broke {
        // The server has done it when it answers.
        answering.read_u8().await?;
    }
    Ok(())
}
