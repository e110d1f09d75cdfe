//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

use super::assets::{SCRIPT_PATH, STYLE_PATH};

/// What a page has around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    title: &'a str,
    /// Whether somebody has logged in, who has an area of its own.
    is_known: bool,
    /// Whether it is made again by itself, for something is under way.
    is_pending: bool,
    /// Whether it asks a wallet.
    has_script: bool,
}

impl<'a> Frame<'a> {
    /// Of a page for anyone.
    pub(crate) const fn plain(title: &'a str) -> Self {
        Self { title, is_known: false, is_pending: false, has_script: false }
    }

    /// Of a page for who has logged in.
    pub(crate) const fn of_area(title: &'a str) -> Self {
        Self { title, is_known: true, is_pending: false, has_script: false }
    }

    /// The same, of a page that looks again by itself.
    pub(crate) const fn pending(self) -> Self {
        Self { is_pending: true, ..self }
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
                @if frame.is_pending { meta http-equiv="refresh" content="2"; }
                title { (frame.title) " · Scrip" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(*STYLE_PATH);
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
                main #main tabindex="-1" { (body) }
            }
        }
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
