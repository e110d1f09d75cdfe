//! A browser without a window: it keeps cookies, sends forms as browsers do, and goes nowhere by itself.

use std::{collections::BTreeMap, time::Duration};

use eyre::{OptionExt, Result, ensure};
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap, redirect::Policy};
use serde_json::Value;

/// A browser without a window.
#[derive(Debug, Clone)]
pub struct Browser {
    http: Client,
    url: String,
    /// What it sends as the origin of its forms; nothing without.
    pub origin: Option<String>,
    /// Its cookies.
    pub cookies: BTreeMap<String, String>,
}

/// What a browser was answered.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The page.
    pub text: String,
}

impl Browser {
    /// A new one, of a server that is reached at this URL. Each request has a connection of its own: what is refused for its size
    /// closes one.
    pub fn new(url: &str) -> Result<Self> {
        let http = Client::builder()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(40))
            .build()?;
        Ok(Self { http, url: url.to_owned(), origin: Some(url.to_owned()), cookies: BTreeMap::new() })
    }

    /// Looks at a page.
    pub async fn get(&mut self, path: &str) -> Result<Shown> {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// Sends a form.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Result<Shown> {
        let request = self.request(Method::POST, path).form(form);
        self.send(request).await
    }

    /// A request that can be changed before it is sent, with the cookies, and the origin where browsers say it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        if !self.cookies.is_empty() {
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        match &self.origin {
            Some(origin) if method != Method::GET => request.header("origin", origin),
            _ => request,
        }
    }

    /// Sends a request, and keeps the cookies that come back.
    pub async fn send(&mut self, request: RequestBuilder) -> Result<Shown> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str()?;
            let (name, value) =
                cookie.split(';').next().and_then(|pair| pair.split_once('=')).ok_or_eyre("no cookie")?;
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(Shown { status, headers, text: response.text().await? })
    }
}

impl Shown {
    /// The page, if there is one.
    #[track_caller]
    pub fn ok(self) -> Result<String> {
        ensure!(self.status == 200, "{}: {}", self.status, self.text);
        Ok(self.text)
    }

    /// Where the browser is sent.
    pub fn elsewhere(&self) -> Result<&str> {
        ensure!(self.status == 303, "{}: {}", self.status, self.text);
        Ok(self.headers.get("location").ok_or_eyre("nowhere")?.to_str()?)
    }

    /// The value of an input of a form, by its name.
    pub fn input(&self, name: &str) -> Result<String> {
        let tag = self.text.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
        let mut named = tag.filter(|tag| tag.contains(&format!("name=\"{name}\"")));
        let tag = named.next().ok_or_eyre(format!("no input {name}: {}", self.text))?;
        let value = tag.split("value=\"").nth(1).and_then(|rest| rest.split('"').next());
        value.map(str::to_owned).ok_or_eyre(format!("no value: {tag}"))
    }

    /// The value that a list of a form has chosen, by its name.
    pub fn chosen(&self, name: &str) -> Result<String> {
        let list = self.text.split(&format!("<select name=\"{name}\">")).nth(1).ok_or_eyre("no such list")?;
        let list = list.split("</select>").next().unwrap_or_default();
        let chosen = list.split("<option").find(|option| option.contains(" selected"));
        let value =
            chosen.and_then(|option| option.split("value=\"").nth(1)).and_then(|rest| rest.split('"').next());
        value.map(str::to_owned).ok_or_eyre(format!("nothing is chosen: {list}"))
    }

    /// What a page asks a wallet to send.
    pub fn calls(&self) -> Result<Value> {
        let text = self.text.split("data-calls=\"").nth(1).and_then(|rest| rest.split('"').next());
        let text = text.ok_or_eyre(format!("no calls: {}", self.text))?.replace("&quot;", "\"");
        Ok(serde_json::from_str(&text)?)
    }
}
