//! Making services by pages, step by step, and the pages of those that there are.

use std::time::Duration;

use eyre::{OptionExt, Result, ensure};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use scrip::PlanId;
use scrip_e2e::{
    server::{Answer, Browser, ServerEnv, Shown},
    upstream::Upstream,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Wallet, browser_of, create_plan};
use crate::server::on_each_database;

on_each_database!(
    a_service_is_made_step_by_step,
    what_is_made_by_pages_is_served,
    an_openapi_file_names_the_endpoints,
    what_cannot_be_served_is_said_in_the_form,
    a_cover_is_a_picture,
    nobody_sees_the_agents_of_another,
    a_wallet_signs_its_service,
);

const SECRET: &str = "sk-very-secret-key";

/// Sends a form with files, as browsers do.
pub(super) async fn upload(
    browser: &mut Browser,
    path: &str,
    texts: &[(&str, &str)],
    file: Option<(&str, &str, &[u8])>,
) -> Result<Shown> {
    let mut form = Form::new();
    for (name, text) in texts {
        form = form.text((*name).to_owned(), (*text).to_owned());
    }
    if let Some((field, name, bytes)) = file {
        form = form.part(field.to_owned(), Part::bytes(bytes.to_vec()).file_name(name.to_owned()));
    }
    let request = browser.request(Method::POST, path).multipart(form);
    browser.send(request).await
}

/// The draft that a page leads on with.
fn draft(shown: &Shown, next: &str) -> Result<String> {
    let path = shown.elsewhere()?;
    let draft = path.strip_prefix(&format!("{next}?draft=")).ok_or_eyre(format!("{path} is not {next}"))?;
    Ok(draft.to_owned())
}

async fn plan(browser: &mut Browser) -> Result<PlanId> {
    let filled = [("sells", "requests"), ("title", "Ten"), ("currency", "free"), ("amount", "10")];
    create_plan(browser, &filled).await
}

/// Goes through all steps but the last; the draft.
async fn begin(browser: &mut Browser, plan: PlanId, title: &str, url: &str) -> Result<String> {
    let texts = [("title", title), ("description", "Says <b>anything</b>\nat all")];
    let described = upload(browser, "/new/service", &texts, None).await?;
    let draft = draft(&described, "/new/service/api")?;
    let texts = [("draft", &*draft), ("verb", "POST"), ("url", url), ("auth", "bearer"), ("token", SECRET)];
    self::draft(&upload(browser, "/new/service/api", &texts, None).await?, "/new/service/plan")?;
    let chosen = [("draft", &*draft), ("plan", &plan.0.to_string()), ("credits", "2")];
    self::draft(&browser.post("/new/service/plan", &chosen).await?, "/new/service/review")?;
    Ok(draft)
}

async fn a_service_is_made_step_by_step(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let plan = plan(&mut browser).await?;
    // From the plan's page, which is chosen then.
    let page = browser.get(&format!("/my/plans/{}", plan.0)).await?.ok()?;
    let way = format!("/new/service?plan={}", plan.0);
    assert!(page.contains(&format!("href=\"{way}\">Create Content</a>")), "{page}");
    assert_eq!(browser.get(&way).await?.input("plan")?, plan.0.to_string());

    let draft = begin(&mut browser, plan, "Parrot", "https://api.openai.com/v1/chat/completions").await?;
    let review = browser.get(&format!("/new/service/review?draft={draft}")).await?.ok()?;
    for said in [
        "Parrot",
        "Says &lt;b&gt;anything&lt;/b&gt;",
        "https://api.openai.com/v1/chat/completions",
        "Bearer token",
        "Ten",
        "<dd>2</dd>",
    ] {
        assert!(review.contains(said), "{said}: {review}");
    }
    // The secret is shown on no page, and stays when a step is gone through again.
    let api = browser.get(&format!("/new/service/api?draft={draft}")).await?.ok()?;
    assert!(
        !review.contains(SECRET) && !api.contains(SECRET) && api.contains("What was given is kept."),
        "{api}"
    );
    let texts = [
        ("draft", &*draft),
        ("verb", "POST"),
        ("url", "https://api.openai.com/v1/chat/completions"),
        ("auth", "bearer"),
        ("token", ""),
    ];
    self::draft(&upload(&mut browser, "/new/service/api", &texts, None).await?, "/new/service/plan")?;

    let many = (0..4).map(|_| {
        let (mut browser, draft) = (browser.clone(), draft.clone());
        async move { browser.post("/new/service/review", &[("draft", &draft)]).await }
    });
    let made = futures_util::future::try_join_all(many).await?;
    let path = made[0].elsewhere()?.to_owned();
    assert!(made.iter().all(|other| other.elsewhere().is_ok_and(|other| other == path)), "{made:?}");
    let shown = browser.get(&path).await?.ok()?;
    let did = path.trim_start_matches("/my/agents/").trim_end_matches("?made=1").to_owned();
    let digits = did.trim_start_matches("0x");
    let widget = format!("&lt;iframe src=&quot;https://scrip.example/streamlit?did=did:nv:{digits}&quot;");
    for said in [
        "The service is created.",
        "See the Agent",
        &widget,
        &format!("https://scrip.example/proxy/{did}"),
        "st.markdown(",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains(SECRET) && !shown.contains("<b>anything"), "{shown}");
    let agents = browser.get("/my/agents").await?.ok()?;
    assert!(
        agents.contains("Parrot") && agents.contains(&format!("<a href=\"/my/agents/{did}\">See Agent")),
        "{agents}"
    );

    // The API has the same, and has the secret no more than the pages.
    let told = env.builder.get("/api/v1/protocol/agents").await?.ok()?;
    assert_eq!(told["total"], 1);
    let agent = &told["agents"][0];
    assert_eq!(agent["registry"]["plans"], json!([plan.0.to_string()]));
    assert_eq!(
        agent["endpoints"],
        json!([{ "verb": "POST", "url": "https://api.openai.com/v1/chat/completions" }])
    );
    assert_eq!(agent["metadata"]["agent"]["pricing"], json!({ "unit": "request", "credits": 2 }));
    assert!(!told.to_string().contains(SECRET));

    // One more plan of the builder's opens it.
    let filled =
        [("sells", "time"), ("title", "A day"), ("currency", "free"), ("amount", "1"), ("unit", "days")];
    let day = create_plan(&mut browser, &filled).await?;
    let link = format!("/my/agents/{did}/plan");
    browser.post(&link, &[("plan", &day.0.to_string())]).await?.elsewhere()?;
    assert!(browser.get(&format!("/my/agents/{did}")).await?.ok()?.contains("A day"));
    Ok(())
}

/// From the builder's first page to the answer that a subscriber pays for.
async fn what_is_made_by_pages_is_served(env: &mut ServerEnv) -> Result<()> {
    let upstream = Upstream::start().await?;
    let mut browser = browser_of(env, env.builder.address).await?;
    let plan = plan(&mut browser).await?;
    let draft = begin(&mut browser, plan, "Parrot", &format!("{}/ask", upstream.url())).await?;
    let made = browser.post("/new/service/review", &[("draft", &draft)]).await?;
    let did = made.elsewhere()?.trim_start_matches("/my/agents/").trim_end_matches("?made=1").to_owned();

    let plan = plan.0.to_string();
    env.subscriber.post(&format!("/api/v1/protocol/plans/{plan}/order"), &json!({})).await?.ok()?;
    let asked = json!({ "accepted": { "planId": plan } });
    let made = env.subscriber.post("/api/v1/x402/permissions", &asked).await?.ok()?;
    let token = made["accessToken"].as_str().ok_or_eyre("no token")?;
    let asked = env.anyone.with_key(token).post(&format!("/proxy/{did}/ask"), &json!({ "q": 1 })).await?;
    assert_eq!((asked.status, &asked.body["asked"]["method"]), (200, &json!("POST")), "{}", asked.body);
    let headers = upstream.last()["headers"].to_string();
    assert!(headers.contains(&format!("Bearer {SECRET}")) && !headers.contains(token), "{headers}");
    let began = Instant::now();
    loop {
        let balance = crate::server::x402::balance(env, &plan).await?;
        if balance == 8 {
            return Ok(());
        }
        ensure!(balance == 10 && began.elapsed() < Duration::from_secs(60), "{balance} credits are left");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn an_openapi_file_names_the_endpoints(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let plan = plan(&mut browser).await?;
    let described = upload(&mut browser, "/new/service", &[("title", "By a file")], None).await?;
    let draft = draft(&described, "/new/service/api")?;
    let yaml = b"openapi: 3.1.0\nservers: [{url: 'https://a.example/v1'}]\npaths:\n  /ask: {post: {}}\n  /runs/{id}: {get: {}}\n";
    let file = Some(("openapi", "api.yaml", yaml.as_slice()));
    let texts =
        [("draft", &*draft), ("url", ""), ("auth", "basic"), ("username", "ada"), ("password", SECRET)];
    self::draft(&upload(&mut browser, "/new/service/api", &texts, file).await?, "/new/service/plan")?;
    let chosen = [("draft", &*draft), ("plan", &plan.0.to_string()), ("credits", "1")];
    browser.post("/new/service/plan", &chosen).await?.elsewhere()?;
    let review = browser.get(&format!("/new/service/review?draft={draft}")).await?.ok()?;
    assert!(
        review.contains("https://a.example/v1/runs/:id")
            && review.contains(": ada")
            && !review.contains(SECRET),
        "{review}"
    );
    browser.post("/new/service/review", &[("draft", &draft)]).await?.elsewhere()?;
    let told = env.builder.get("/api/v1/protocol/agents").await?.ok()?;
    let endpoints = json!([
        { "verb": "POST", "url": "https://a.example/v1/ask" },
        { "verb": "GET", "url": "https://a.example/v1/runs/:id" },
    ]);
    assert_eq!(
        (&told["agents"][0]["endpoints"], &told["agents"][0]["metadata"]["agent"]["authType"]),
        (&endpoints, &json!("basic"))
    );
    Ok(())
}

async fn what_cannot_be_served_is_said_in_the_form(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let ten = plan(&mut browser).await?;
    let untitled = upload(&mut browser, "/new/service", &[("title", " ")], None).await?;
    assert!(untitled.status == 400 && untitled.text.contains("has no title"), "{}", untitled.text);
    let described = upload(&mut browser, "/new/service", &[("title", "T")], None).await?;
    let draft = draft(&described, "/new/service/api")?;
    for (url, auth, said) in [
        ("", "none", "has no API"),
        ("ftp://a.example", "none", "is no URL"),
        ("javascript:alert(1)", "none", "is no URL"),
        ("https://user:secret@a.example", "none", "is no URL"),
        ("https://a.example", "bearer", "no bearer token"),
        ("https://a.example", "basic", "no username"),
    ] {
        let texts = [("draft", &*draft), ("verb", "POST"), ("url", url), ("auth", auth)];
        let shown = upload(&mut browser, "/new/service/api", &texts, None).await?;
        assert!(shown.status == 400 && shown.text.contains(said), "{url} {auth}: {}", shown.text);
    }
    let file = Some(("openapi", "x.json", b"{}".as_slice()));
    let shown = upload(&mut browser, "/new/service/api", &[("draft", &draft)], file).await?;
    assert!(shown.status == 400 && shown.text.contains("no paths"), "{}", shown.text);
    // More than can be taken breaks nothing.
    let large = vec![b' '; 3 << 20];
    let shown =
        upload(&mut browser, "/new/service/api", &[("draft", &draft)], Some(("openapi", "x", &large))).await;
    assert!(shown.is_err() || shown.is_ok_and(|shown| shown.status == 400));

    let texts = [("draft", &*draft), ("verb", "POST"), ("url", "https://a.example/ask"), ("auth", "none")];
    self::draft(&upload(&mut browser, "/new/service/api", &texts, None).await?, "/new/service/plan")?;
    for credits in ["", "0", "11", "-1", "many"] {
        let chosen = [("draft", &*draft), ("plan", &ten.0.to_string()), ("credits", credits)];
        let shown = browser.post("/new/service/plan", &chosen).await?;
        assert!(
            shown.status == 400 && shown.text.contains("write a number from 1 to 10"),
            "{credits}: {}",
            shown.text
        );
    }
    // The plan of another is nobody else's to sell by.
    let mut stranger = browser_of(env, env.stranger.address).await?;
    let theirs = plan(&mut stranger).await?;
    let chosen = [("draft", &*draft), ("plan", &theirs.0.to_string()), ("credits", "1")];
    assert_eq!(browser.post("/new/service/plan", &chosen).await?.status, 403);
    assert!(browser.get("/my/agents").await?.ok()?.contains("You have no agents yet."));
    Ok(())
}

async fn a_cover_is_a_picture(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), b"the rest of it"].concat();
    let texts = [("title", "With a cover")];
    let described = upload(&mut browser, "/new/service", &texts, Some(("cover", "c.png", &png))).await?;
    let draft = draft(&described, "/new/service/api")?;
    let form = browser.get(&format!("/new/service?draft={draft}")).await?.ok()?;
    let at = form.split("src=\"https://scrip.example").nth(1).and_then(|rest| rest.split('"').next());
    let path = at.ok_or_eyre(format!("no cover: {form}"))?.to_owned();
    // All see it, as a picture that runs nothing.
    let shown = Browser::new(env.url())?.get(&path).await?;
    assert_eq!((shown.status, &*shown.headers["content-type"].to_str()?.to_owned()), (200, "image/png"));
    assert_eq!(shown.headers["content-security-policy"], "default-src 'none'; sandbox");
    assert_eq!(shown.headers["x-content-type-options"], "nosniff");
    let large = [png, vec![0; 512 * 1_024]].concat();
    for image in [b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".as_slice(), b"<html>", &large] {
        let refused = upload(&mut browser, "/new/service", &texts, Some(("cover", "c.png", image))).await?;
        assert!(refused.status == 400 && refused.text.contains("the cover"), "{}", refused.text);
    }
    assert_eq!(browser.get("/covers/0").await?.status, 404);
    Ok(())
}

async fn nobody_sees_the_agents_of_another(env: &mut ServerEnv) -> Result<()> {
    let mut builder = browser_of(env, env.builder.address).await?;
    let plan = plan(&mut builder).await?;
    let draft = begin(&mut builder, plan, "Secret agent", "https://a.example/ask").await?;
    let mut stranger = browser_of(env, env.stranger.address).await?;
    for path in ["", "/api", "/plan", "/review"] {
        assert_eq!(stranger.get(&format!("/new/service{path}?draft={draft}")).await?.status, 404, "{path}");
    }
    assert_eq!(
        upload(&mut stranger, "/new/service", &[("draft", &draft), ("title", "Mine")], None).await?.status,
        404
    );
    for path in ["/new/service/plan", "/new/service/review"] {
        assert_eq!(stranger.post(path, &[("draft", &draft)]).await?.status, 404, "{path}");
    }
    let made = builder.post("/new/service/review", &[("draft", &draft)]).await?;
    let path = made.elsewhere()?.trim_end_matches("?made=1").to_owned();
    assert_eq!(stranger.get(&path).await?.status, 403);
    assert_eq!(stranger.post(&format!("{path}/plan"), &[("plan", "1")]).await?.status, 403);
    assert!(!stranger.get("/my/agents").await?.ok()?.contains("Secret agent"));
    Ok(())
}

async fn a_wallet_signs_its_service(env: &mut ServerEnv) -> Result<()> {
    let wallet = Wallet::new(env).await?;
    let mut browser = wallet.browser.clone();
    let filled = [("sells", "requests"), ("title", "Ten"), ("currency", "free"), ("amount", "10")];
    let draft = super::draft(&mut browser, &filled).await?;
    let asked = browser.post("/new/plan/review", &[("draft", &draft)]).await?;
    wallet.send(env, &asked.calls()?).await?;
    let plan = loop {
        let told = browser.get("/my/plans").await?.ok()?;
        if let Some(rest) = told.split("<a href=\"/my/plans/").nth(1) {
            break rest.split('"').next().ok_or_eyre("no plan")?.parse::<PlanId>()?;
        }
        sleep(Duration::from_millis(50)).await;
    };
    let draft = begin(&mut browser, plan, "Of a wallet", "https://a.example/ask").await?;
    let asked = browser.post("/new/service/review", &[("draft", &draft)]).await?;
    // Asked again, it is the same service.
    let again = browser.post("/new/service/review", &[("draft", &draft)]).await?;
    assert_eq!(asked.calls()?["calls"], again.calls()?["calls"]);
    wallet.send(env, &asked.calls()?).await?;
    let agent = loop {
        let told = browser.get("/my/agents").await?.ok()?;
        if let Some(rest) = told.split("<a href=\"/my/agents/").nth(1) {
            ensure!(told.contains("Of a wallet"), "{told}");
            break rest.split('"').next().ok_or_eyre("no agent")?.to_owned();
        }
        sleep(Duration::from_millis(50)).await;
    };
    // Nobody here could redeem what it serves: its owner is told so, and nothing is sold.
    let page = browser.get(&format!("/my/agents/{agent}")).await?.ok()?;
    assert!(page.contains("its gateway does not serve this"), "{page}");
    let look = env.anyone.request(Method::POST, &format!("/widget/{agent}/look"));
    let look = Answer::of(look.header("origin", env.url()).json(&json!({ "token": null }))).await?.ok()?;
    assert_eq!(look["plans"], json!([]));
    Ok(())
}
