//! Pages that are not the builder's: they get nothing, and what they say is nothing.

use std::{net::Ipv4Addr, time::Duration};

use axum::{Router, response::Html, routing::get};
use eyre::{OptionExt, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{CHAT, NEWEST, Shop, widget_in};

/// A page somewhere, which keeps all messages that it gets.
pub(super) struct Site {
    pub(super) url: String,
    served: JoinHandle<std::io::Result<()>>,
}

impl Site {
    pub(super) async fn start(body: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let page = format!(
            "<!doctype html><title>A page</title><meta name=viewport content='width=device-width'><script>window.got = []; \
             addEventListener('message', (e) => window.got.push({{ origin: e.origin, data: e.data }}))</script>{body}"
        );
        let app = Router::new().route("/", get(move || async move { Html(page.clone()) }));
        let served = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, served })
    }

    /// One that embeds the widget.
    pub(super) async fn with_widget(shop: &Shop) -> Result<Self> {
        let (widget, window) = (shop.widget(), shop.window());
        Self::start(format!(
            "<button onclick='window.open(\"{window}\")'>Open the window</button>\
             <iframe id=w src='{widget}' height=500 style='width: 100%; border: 0'></iframe>"
        ))
        .await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.served.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_page_gets_nothing_and_is_not_listened_to() -> Result<()> {
    let Some(shop) = Shop::open("foreign").await? else { return Ok(()) };
    let (ours, theirs) = (Site::with_widget(&shop).await?, Site::with_widget(&shop).await?);
    shop.allow(&[&ours.url]).await?;
    shop.wallet(20).await?;

    // In the page of the builder's it works, and this browser is logged in.
    let page = shop.browser.open(&ours.url).await?;
    let widget = widget_in(&page, false);
    let window = widget.click_opening("button", "Log in").await?;
    window.click("button", "Log in with a wallet").await?;
    window.click("button", "Buy with your wallet: Three answers").await?;
    window.see("Paid: Three answers").await?;
    window.click("button", "Continue to the app").await?;
    widget.see("Three answers: 3 credits left").await?;
    let got: Vec<Value> = page.run("window.got").await?;
    let tokens = |got: &[Value]| {
        got.iter().filter(|one| one["data"]["type"] == "streamlit:token").cloned().collect::<Vec<_>>()
    };
    let told = tokens(&got);
    ensure!(!told.is_empty() && told.iter().all(|one| *one == told[0]), "{got:?}");
    ensure!(told[0]["origin"] == shop.env.url(), "{got:?}");
    // Who begins to listen later is told as well.
    page.run::<Value>("(window.got = [], null)").await?;
    sleep(Duration::from_secs(7)).await;
    let late = tokens(&page.run::<Vec<Value>>("window.got").await?);
    ensure!(late.first() == Some(&told[0]), "{late:?}");
    // Exactly what the reference's app reads.
    let told = &told[0]["data"];
    let (token, url) = (&told["data"]["jwtToken"]["accessToken"], &told["data"]["proxyUrl"]);
    ensure!(token.is_string() && url.is_string(), "{told}");
    let exact = json!({ "type": "streamlit:token", "data": { "jwtToken": { "accessToken": token }, "proxyUrl": url } });
    assert_eq!(*told, exact);
    // Of its day three quarters are over: there is a new one, which is as good.
    shop.env.chain.devnet.warp(Duration::from_secs(19 * 3_600)).await?;
    shop.env.advance(19 * 3_600);
    let renewed = "window.got.map((one) => one.data.data?.jwtToken.accessToken).find((one) => one !== undefined && one !== TOKEN) ?? null";
    let renewed = renewed.replace("TOKEN", &token.to_string());
    let began = Instant::now();
    let renewed = loop {
        if let Some(renewed) = page.run::<Option<String>>(&renewed).await? {
            break renewed;
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "there is no new token");
        sleep(Duration::from_millis(200)).await;
    };
    let asked = shop.env.anyone.with_key(&renewed);
    let place = url.as_str().and_then(|url| url.strip_prefix(shop.env.url())).ok_or_eyre("no place")?;
    asked.post(&format!("{place}/ask"), &json!({ "payload": "by the new one" })).await?;
    assert_eq!(shop.model.answered(), 1);
    widget.see("Three answers: 2 credits left").await?;

    // In a page of somebody else's it is not even shown.
    let foreign = shop.browser.open(&theirs.url).await?;
    sleep(Duration::from_secs(2)).await;
    let frames = foreign.frames().await?;
    ensure!(frames.iter().any(|url| url.starts_with("chrome-error:")), "{frames:?}");
    assert_eq!(foreign.run::<Vec<Value>>("window.got").await?, [] as [Value; 0]);
    foreign.shot("a foreign page").await?;
    // Nor where the builder's page stands between.
    let around = Site::start(format!("<iframe src='{}' width=700 height=600></iframe>", ours.url)).await?;
    let framing = shop.browser.open(&around.url).await?;
    sleep(Duration::from_secs(2)).await;
    let frames = framing.frames().await?;
    ensure!(frames.iter().any(|url| url.starts_with("chrome-error:")), "{frames:?}");

    // Whoever opens the window itself is handed nothing, though its visitor is logged in and clicks.
    let stolen = foreign.click_opening("button", "Open the window").await?;
    stolen.click("button", "Continue to the app").await?;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(foreign.run::<Vec<Value>>("window.got").await?, [] as [Value; 0]);

    // What others say to the widget, as a window or as a page, changes nothing.
    let frame = "document.querySelector('#w').contentWindow";
    for message in [
        "{ type: 'scrip:grant', grant: 'forged' }",
        "{ type: 'streamlit:token', data: { jwtToken: { accessToken: 'forged' }, proxyUrl: 'https://evil.example' } }",
        "null",
        "'text'",
    ] {
        page.run::<Value>(&format!("({frame}.postMessage({message}, '*'), null)")).await?;
    }
    widget.see("Three answers: 2 credits left").await?;
    let got = tokens(&page.run::<Vec<Value>>("window.got").await?);
    let known = [token.as_str(), Some(&renewed)];
    ensure!(
        got.iter().all(|one| known.contains(&one["data"]["data"]["jwtToken"]["accessToken"].as_str())),
        "{got:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_held_down_in_a_foreign_page_buys_nothing() -> Result<()> {
    let Some(shop) = Shop::open("held-down").await? else { return Ok(()) };
    let (url, holder) = (shop.env.url().to_owned(), shop.env.subscriber.address);
    let login = shop.browser.open(&format!("{url}/login")).await?;
    login.click("button", "Log in as subscriber").await?;
    login.see_role("heading", "My Agents").await?;
    let window = format!("{}?plan={}", shop.window(), shop.answers.0);
    let site =
        Site::start(format!("<button onclick='window.open(\"{window}\")'>Hold Enter to play</button>"))
            .await?;
    let page = shop.browser.open(&site.url).await?;
    page.focus("button", "Hold Enter to play").await?;
    let window = page.press_opening("Enter").await?;
    for _ in 0..5 {
        window.press("Enter").await?;
    }
    // Nor does a click that falls on the button as soon as it is there: the second of two.
    let over: bool = window
        .run(
            "(() => { const at = document.querySelector('form[data-buy] button').getBoundingClientRect(); \
             return document.elementFromPoint(at.x + 5, at.y + 5)?.tagName === 'BUTTON' && !document.querySelector('main').inert })()",
        )
        .await?;
    ensure!(!over, "it can be pressed at once");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(shop.balance(shop.answers, holder).await?, 0);
    // Who means it buys.
    window.click("button", "Buy: Three answers").await?;
    window.see("Paid: Three answers").await?;
    assert_eq!(shop.balance(shop.answers, holder).await?, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_component_takes_a_token_from_the_widget_alone() -> Result<()> {
    let Some(shop) = Shop::open("component").await? else { return Ok(()) };
    let Some(streamlit) = shop.streamlit(NEWEST, CHAT).await? else { return Ok(()) };
    let page = shop.browser.open(streamlit.url()).await?;
    widget_in(&page, true).see("Log in to use this service.").await?;
    let forged = "{ type: 'streamlit:token', data: { jwtToken: { accessToken: 'forged' }, proxyUrl: 'https://evil.example' } }";
    // From the page around it, and from another frame beside.
    let component = "[...document.querySelectorAll('iframe')].find((one) => one.src.includes('/component/')).contentWindow";
    page.run::<Value>(&format!("({component}.postMessage({forged}, '*'), null)")).await?;
    let beside = Site::start(format!(
        "<script>for (let i = 0; i < parent.length; i++) parent[i].postMessage({forged}, '*')</script>"
    ))
    .await?;
    let embed = format!(
        "(() => {{ const f = document.createElement('iframe'); f.src = '{}'; document.body.append(f) }})()",
        beside.url
    );
    page.run::<Value>(&embed).await?;
    sleep(Duration::from_secs(3)).await;
    page.see("Log in and choose a plan in the sidebar").await?;
    page.lacks("[data-testid=stChatInput]").await?;

    // A visitor's own browser says to Streamlit what it likes. The app asks the gateway all the same, which looks at the token.
    let theirs = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let value = json!({ "accessToken": "forged", "proxyUrl": format!("http://{}", theirs.local_addr()?) });
    let forged = json!({ "isStreamlitMessage": true, "type": "streamlit:setComponentValue", "value": value, "dataType": "json" });
    page.frame("/component/").run::<Value>(&format!("(parent.postMessage({forged}, '*'), null)")).await?;
    page.click_css("[data-testid=stChatInputTextArea]").await?;
    page.type_text("Anything?").await?;
    page.press("Enter").await?;
    page.see("Your credits are used up.").await?;
    let asked = timeout(Duration::from_secs(1), theirs.accept()).await;
    ensure!(asked.is_err(), "the app asks where its visitor has told it to");
    assert_eq!(shop.model.answered(), 0);
    Ok(())
}
