//! A page in a browser, or a frame in one, and what a visitor does with it.

use std::path::PathBuf;

use eyre::{Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Browser;

/// A page, or a frame in one: all is looked for in it alone, and waited for.
#[derive(Debug, Clone)]
pub struct Page {
    browser: Browser,
    index: usize,
    frames: Vec<String>,
}

impl Page {
    pub(super) const fn new(browser: Browser, index: usize) -> Self {
        Self { browser, index, frames: Vec::new() }
    }

    /// The frame in it whose URL has this in it.
    pub fn frame(&self, url: &str) -> Self {
        let mut frames = self.frames.clone();
        frames.push(url.to_owned());
        Self { frames, ..self.clone() }
    }

    /// Goes elsewhere.
    pub async fn go(&self, url: &str) -> Result<()> {
        self.page("goto", json!({ "url": url })).await
    }

    /// Loads it again.
    pub async fn reload(&self) -> Result<()> {
        self.page("reload", json!({})).await
    }

    /// Closes it.
    pub async fn close(&self) -> Result<()> {
        self.page("close", json!({})).await
    }

    /// Waits until it is closed.
    pub async fn closes(&self) -> Result<()> {
        self.page("closes", json!({})).await
    }

    /// Where it is.
    pub async fn url(&self) -> Result<String> {
        self.page("url", json!({})).await
    }

    /// Shows it to somebody who likes pages `light` or `dark`.
    pub async fn prefer(&self, scheme: &str) -> Result<()> {
        self.page("scheme", json!({ "scheme": scheme })).await
    }

    /// Makes it as large as a screen of so many pixels.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.page("size", json!({ "width": width, "height": height })).await
    }

    /// Presses a key where the focus is: `Tab`, for example.
    pub async fn press(&self, key: &str) -> Result<()> {
        self.page("press", json!({ "key": key })).await
    }

    /// Types a text where the focus is.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.page("type", json!({ "text": text })).await
    }

    /// Takes a picture of all of the page, which the run keeps; where it is.
    pub async fn shot(&self, name: &str) -> Result<PathBuf> {
        let path = self.browser.next_shot(name);
        let () = self.page("shot", json!({ "path": path })).await?;
        Ok(path)
    }

    /// Runs a script in it; what that comes to.
    pub async fn run<T: DeserializeOwned>(&self, script: &str) -> Result<T> {
        self.page("run", json!({ "script": script, "frames": self.frames })).await
    }

    /// The URLs of all frames of the page.
    pub async fn frames(&self) -> Result<Vec<String>> {
        self.page("frames", json!({})).await
    }

    /// Clicks what has this role and name: `button`, `link`, for example.
    pub async fn click(&self, role: &str, name: &str) -> Result<()> {
        self.at("click", by_role(role, name), json!({})).await
    }

    /// Clicks what opens another page, and waits for that.
    pub async fn click_opening(&self, role: &str, name: &str) -> Result<Self> {
        let index = self.at("clickOpening", by_role(role, name), json!({})).await?;
        Ok(Self::new(self.browser.clone(), index))
    }

    /// Presses a key that opens another page, and waits for that.
    pub async fn press_opening(&self, key: &str) -> Result<Self> {
        let index = self.page("pressOpening", json!({ "key": key })).await?;
        Ok(Self::new(self.browser.clone(), index))
    }

    /// Clicks what a selector of CSS names.
    pub async fn click_css(&self, selector: &str) -> Result<()> {
        self.at("click", by("css", selector), json!({})).await
    }

    /// Puts the focus on what has this role and name.
    pub async fn focus(&self, role: &str, name: &str) -> Result<()> {
        self.at("focus", by_role(role, name), json!({})).await
    }

    /// Fills in the field with this label.
    pub async fn fill(&self, label: &str, text: &str) -> Result<()> {
        self.at("fill", by("label", label), json!({ "text": text })).await
    }

    /// Fills in the field that a selector of CSS names.
    pub async fn fill_css(&self, selector: &str, text: &str) -> Result<()> {
        self.at("fill", by("css", selector), json!({ "text": text })).await
    }

    /// Chooses from the list with this label.
    pub async fn choose(&self, label: &str, option: &str) -> Result<()> {
        self.at("select", by("label", label), json!({ "text": option })).await
    }

    /// Attaches a file to the field with this label.
    pub async fn attach(&self, label: &str, path: &str) -> Result<()> {
        self.at("attach", by("label", label), json!({ "text": path })).await
    }

    /// Waits until a text is to be seen.
    pub async fn see(&self, text: &str) -> Result<()> {
        self.at("see", by("text", text), json!({})).await
    }

    /// Waits until what has this role and name is to be seen.
    pub async fn see_role(&self, role: &str, name: &str) -> Result<()> {
        self.at("see", by_role(role, name), json!({})).await
    }

    /// Waits until a text is not to be seen.
    pub async fn miss(&self, text: &str) -> Result<()> {
        self.at("miss", by("text", text), json!({})).await
    }

    /// The text of what a selector of CSS names.
    pub async fn text(&self, selector: &str) -> Result<String> {
        self.at("text", by("css", selector), json!({})).await
    }

    /// What the field with this label has in it.
    pub async fn value(&self, label: &str) -> Result<String> {
        self.at("value", by("label", label), json!({})).await
    }

    /// Makes sure that what a selector of CSS names is not there now.
    pub async fn lacks(&self, selector: &str) -> Result<()> {
        let is_there: bool = self.at("isThere", by("css", selector), json!({})).await?;
        ensure!(!is_there, "there is `{selector}`");
        Ok(())
    }

    async fn page<T: DeserializeOwned>(&self, what: &str, mut command: Value) -> Result<T> {
        command["do"] = json!(what);
        command["page"] = json!(self.index);
        self.browser.tell(command).await
    }

    async fn at<T: DeserializeOwned>(&self, what: &str, find: Value, mut command: Value) -> Result<T> {
        command["do"] = json!(what);
        command["where"] = json!({ "page": self.index, "frames": self.frames, "find": find });
        let done = self.browser.tell(command).await;
        if done.is_err() {
            // What was there instead; a page that is closed has none.
            let _ = self.shot("instead").await;
        }
        done
    }
}

fn by_role(role: &str, name: &str) -> Value {
    json!({ "kind": "role", "role": role, "name": name })
}

fn by(kind: &str, value: &str) -> Value {
    json!({ "kind": kind, "value": value })
}
