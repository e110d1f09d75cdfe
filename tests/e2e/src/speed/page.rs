//! The page of how fast it is, `docs/speed.md`, made from what was measured.

use std::fmt::Write;

use eyre::Result;

use super::{Row, Unit};

const HEAD: &str = "<!-- Made by `scripts/bench speed --page docs/speed.md`; a change by hand is lost. -->

# Speed

How fast Scrip's client and tool are, each beside a rival in the same run, on the same machine and the same Anvil.
`scripts/bench speed` measures all of it again, optimised, and fails when a ratio is below its bound. Figures are those of one
machine and one day: what is told by them is the ratio. Medians of several runs, ours and the rival's in turn.

- *Orders*: of one account, through the client with its journal in memory. Each is signed and in the journal before it is
  sent, and is done when its receipt was read. The rival signed everything before the clock began, sends each transaction in a
  request of its own with as many requests under way as the client has orders, and is done when all are mined, without
  receipts. Whenever Anvil stands still for 20 ms, with either, it is made to mine: what overtook another it leaves in its pool
  until the next block. A round in which Anvil gets stuck with what the rival has sent is not counted.
- *Balances*: ten thousand, of one block. The rival asks for each with a call of its own.
- *`scrip balance --json`*: the process, from its start to its end; `tests/e2e/src/speed/balance.mjs` is the rival.

| task | ours | rival | theirs | times better | at least |
|---|--:|---|--:|--:|--:|
";

/// The page.
pub fn page(rows: &[Row]) -> Result<String> {
    let mut page = HEAD.to_owned();
    for Row { task, unit, ours, rival, theirs, ratio, at_least } in rows {
        let digits = usize::from(*unit != Unit::PerSecond);
        let figure = |figure: f64| format!("{figure:.digits$} {}", unit.symbol());
        let least = at_least.map(|least| format!("{least:.1}")).unwrap_or_default();
        let (ours, theirs) = (figure(*ours), figure(*theirs));
        writeln!(page, "| {task} | {ours} | {rival} | {theirs} | {ratio:.2} | {least} |")?;
    }
    Ok(page)
}
