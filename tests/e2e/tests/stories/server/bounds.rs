//! What one who asks may not keep from the others: room, connections, and the end of a server.

use std::time::Duration;

use eyre::{OptionExt, Result, ensure, eyre};
use reqwest::Url;
use scrip_e2e::{
    faults::FaultyLine,
    server::{DatabaseKind, Replica, ServerEnv},
};
use scrip_server::{Bounds, Config};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep},
};

use super::{
    on_each_database,
    once::{Shop, go_on, halt, open},
    refused, tell,
};

on_each_database!(
    what_is_not_answered_in_time_does_not_keep_a_server_from_ending,
    what_there_is_no_room_for_is_refused,
    who_takes_no_answers_keeps_no_connection,
);

/// A server with other bounds takes the place of the first.
async fn bounded(env: &mut ServerEnv, bounds: Bounds) -> Result<()> {
    env.kill();
    let replica = Replica::start(Config { bounds, ..env.config(None)? }).await?;
    env.turn_to(replica);
    Ok(())
}

async fn what_is_not_answered_in_time_does_not_keep_a_server_from_ending(env: &mut ServerEnv) -> Result<()> {
    bounded(env, Bounds { ending: Duration::from_secs(1), ..Bounds::default() }).await?;
    let shop = Shop::open(env).await?;
    let (plan, order, before) = (shop.plan, shop.order.clone(), shop.before);
    halt(env).await?;
    let ordering = shop.ordering();
    open(&env.database().connect().await?, 1, 1).await?;
    let began = Instant::now();
    env.take_replica().ok_or_eyre("it runs")?.shut_down().await?;
    let took = began.elapsed();
    ensure!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&took), "it took {took:?}");
    ensure!(ordering.await?.is_err(), "it was answered");
    // What was begun is gone on with all the same.
    go_on(env).await?;
    env.restart().await?;
    let shop = Shop { env, order, plan, before };
    assert_eq!(shop.sold_within(Duration::from_secs(60)).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_silent_does_not_keep_a_server_from_ending() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| {
        let mut behind: Url = env.database().url().parse()?;
        let line = FaultyLine::before(behind.port().ok_or_eyre("a port")?).await?;
        behind.set_port(Some(line.port())).map_err(|()| eyre!("a port"))?;
        let bounds = Bounds { ending: Duration::from_secs(1), ..Bounds::default() };
        let config = Config { database: behind.into(), bounds, ..env.config(None)? };
        let server = Replica::start(config).await?;
        line.fall_silent();
        let began = Instant::now();
        server.shut_down().await?;
        ensure!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
        Ok(())
    })
    .await
}

async fn what_there_is_no_room_for_is_refused(env: &mut ServerEnv) -> Result<()> {
    bounded(env, Bounds { requests: 2, ..Bounds::default() }).await?;
    let shop = Shop::open(env).await?;
    halt(env).await?;
    let both = [shop.ordering(), shop.ordering()];
    open(&env.database().connect().await?, 2, 2).await?;
    let one_more = env.anyone.get("/livez").await?;
    refused(&one_more, 503, "BCK.HTTP.503")?;
    ensure!(one_more.headers.contains_key("retry-after"), "it is not said when");
    go_on(env).await?;
    for ordering in both {
        ordering.await??.ok()?;
    }
    env.anyone.get("/livez").await?.ok()?;
    assert_eq!(shop.sold().await?, 2);
    Ok(())
}

/// How often one who asks for the same so many times at once is answered, who then reads as it likes.
async fn answers(
    env: &ServerEnv,
    times: usize,
    read: impl AsyncFnOnce(&mut TcpStream, &mut Vec<u8>) -> Result<()>,
) -> Result<usize> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(1 << 14)?;
    let place = env.url().strip_prefix("http://").ok_or_eyre("no place")?;
    let mut connection = socket.connect(place.parse()?).await?;
    let (head, last) = ("GET /openapi.json HTTP/1.1\r\nHost: x\r\n", "Connection: close\r\n");
    let asked = format!("{}{head}{last}\r\n", format!("{head}\r\n").repeat(times - 1));
    connection.write_all(asked.as_bytes()).await?;
    let mut answered = Vec::new();
    read(&mut connection, &mut answered).await?;
    Ok(answered.windows(12).filter(|part| part == b"HTTP/1.1 200").count())
}

async fn who_takes_no_answers_keeps_no_connection(env: &mut ServerEnv) -> Result<()> {
    bounded(env, Bounds { reading: Duration::from_secs(1), ..Bounds::default() }).await?;
    let taken = answers(env, 500, async |connection, answered| {
        sleep(Duration::from_secs(4)).await;
        // What was on its way, and then the end, or a reset.
        let _ = connection.read_to_end(answered).await;
        Ok(())
    });
    let taken = taken.await?;
    ensure!(taken < 400, "all {taken} answers were kept for who takes none");
    // Who takes them slowly has them all.
    let slowly = answers(env, 40, async |connection, answered| {
        let mut part = vec![0; 1 << 16];
        loop {
            sleep(Duration::from_millis(15)).await;
            match connection.read(&mut part).await? {
                0 => return Ok(()),
                bytes => answered.extend_from_slice(&part[..bytes]),
            }
        }
    });
    assert_eq!(slowly.await?, 40);
    Ok(())
}
