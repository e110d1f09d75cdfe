//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

use super::assets::{SCRIPT_PATH, STYLE_PATH, WAIT_PATH};

/// What a page has around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    title: &'a str,
    /// Whether somebody has logged in, who has an area of its own.
    is_known: bool,
    /// How much of what it shows is under way: it looks again by itself.
    pending: usize,
    /// Whether it asks a wallet.
    has_script: bool,
}

impl<'a> Frame<'a> {
    /// Of a page for anyone.
    pub(crate) const fn plain(title: &'a str) -> Self {
        Self { title, is_known: false, pending: 0, has_script: false }
    }

    /// Of a page for who has logged in.
    pub(crate) const fn of_area(title: &'a str) -> Self {
        Self { title, is_known: true, pending: 0, has_script: false }
    }

    /// The same, of a page on which so much is under way.
    pub(crate) const fn pending(self, pending: usize) -> Self {
        Self { pending, ..self }
    }

    /// The same, of a page that asks a wallet.
    pub(crate) const fn with_script(self) -> Self {
        Self { has_script: true, ..self }
    }
}

const AREA: [(&str, &str); 5] = [
    ("/my/agents", "My Agents"),
    ("/my/plans", "My plans"),
    ("/my/sales", "Sales"),
    ("/my/transactions", "Transactions"),
    ("/my/profile", "Profile"),
];

/// A whole page.
pub(crate) fn page(frame: &Frame<'_>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · Scrip" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(*STYLE_PATH);
                @if frame.pending > 0 { (wait_script()) }
                @if frame.has_script { script src=(*SCRIPT_PATH) defer {} }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.name href="/my/agents" { "Scrip" }
                    @if frame.is_known {
                        nav aria-label="My area" {
                            @for (path, name) in AREA { a href=(path) { (name) } }
                        }
                        details.new {
                            summary { "New" }
                            ul {
                                li { a href="/new/plan" { "Create a plan" } }
                                li { a href="/new/service" { "Create Content" } }
                            }
                        }
                        form method="post" action="/logout" { button.quiet { "Log out" } }
                    } @else {
                        a href="/login" { "Log in" }
                    }
                }
                main #main tabindex="-1" data-pending=[(frame.pending > 0).then_some(frame.pending)] { (body) }
            }
        }
    }
}

/// Loads a page again once what its `main` says to be pending has changed.
pub(crate) fn wait_script() -> Markup {
    html! {
        script src=(*WAIT_PATH) defer {}
        noscript { meta http-equiv="refresh" content="10"; }
    }
}

/// Leads to the pages of a list before and behind one.
pub(super) fn pager(path: &str, number: u32, size: u32, total: u64) -> Markup {
    let pages = total.div_ceil(u64::from(size)).max(1);
    html! {
        @if pages > 1 {
            nav.pager aria-label="Pages" {
                @if number > 1 { a href={ (path) "?page=" (number - 1) "&pageSize=" (size) } { "Newer" } }
                span { "Page " (number) " of " (pages) }
                @if u64::from(number) < pages { a href={ (path) "?page=" (number + 1) "&pageSize=" (size) } { "Older" } }
            }
        }
    }
}
