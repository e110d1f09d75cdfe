//! The page of how fast the server is, `docs/server.md`, made from what was measured.

use std::fmt::Write;

use eyre::Result;

use super::{Figures, Memory, Row};

const HEAD: &str = "<!-- Made by `scripts/bench server --page docs/server.md`; a change by hand is lost. -->

# The server's speed and memory

`scripts/bench server` measures all of it again: `scrip serve`, optimised, on SQLite and on Postgres, before an Anvil that mines at
once, beside a bare route of axum that answers with three characters, in the same run. The chain, the database and who asks run on
the same processors. Figures are those of one machine and one day: what is told by them is how they are to each other.

- *Balances* are asked of the chain, each time.
- *Redemptions* have a request's id each, are of one plan and holder, and are signed by one account; each is in a block when it is
  answered. All that were answered are found on the chain, to the unit.
- *Memory* is what the process has resident: once it serves, and the most until all was measured.
";

/// The page.
pub fn page(figures: &Figures) -> Result<String> {
    let mut page = HEAD.to_owned();
    let Figures { seconds, at_once, processors, rows, memory } = figures;
    write!(page, "\n{at_once} requests at once, {seconds} s each, {processors} processors.\n\n")?;
    page.push_str(
        "| task | database | a second | p50 | p99 | of the bare route |\n|---|---|--:|--:|--:|--:|\n",
    );
    for Row { task, database, per_second, p50_ms, p99_ms, of_bare } in rows {
        let database = database.unwrap_or_default();
        writeln!(
            page,
            "| {task} | {database} | {per_second:.0} | {p50_ms:.1} ms | {p99_ms:.1} ms | {of_bare:.3} |"
        )?;
    }
    page.push_str("\n| memory on | at rest | at most |\n|---|--:|--:|\n");
    for Memory { database, at_rest, at_most } in memory {
        writeln!(page, "| {database} | {at_rest:.0} MiB | {at_most:.0} MiB |")?;
    }
    Ok(page)
}
