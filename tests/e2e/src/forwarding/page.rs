//! The page of what the gateway costs, `docs/gateway.md`, made from what was measured.

use std::fmt::Write;

use eyre::Result;

use super::{Figures, Gas, Row};

const HEAD: &str = "<!-- Made by `scripts/bench gateway --page docs/gateway.md`; a change by hand is lost. -->

# What the gateway costs

`scripts/bench gateway` measures all of it again: `scrip serve`, optimised, beside the bare upstream and a plain reverse proxy of
axum and hyper, in the same run. Who asks, the upstream, the chain and the database run on the same processors. Figures are those of
one machine and one day: what is told by them is how they are to each other.

- *On the disk*: a hold outlives a loss of power before the upstream sees the request. *With the system*: it outlives the process.
- What was served is redeemed meanwhile, in batches of 1,000 or what two seconds bring; all of it is found on the chain before the next is
  measured, to the unit.
- *Added* is more than the upstream itself takes, at a steady rate, however long others take.
- *Processor time* is the server's own, for each request where as many are asked as can be answered, until all of them are redeemed.
- *Gas* is that of whole transactions, for each request, where one holder's requests are in one batch.
";

/// The page.
pub fn page(figures: &Figures) -> Result<String> {
    let mut page = HEAD.to_owned();
    page.push('\n');
    page.push_str(&tables(figures)?);
    Ok(page)
}

/// The figures, as tables.
pub fn tables(figures: &Figures) -> Result<String> {
    let Figures { seconds, rounds, at_once, per_second, processors, rows, gas } = figures;
    let mut page = String::new();
    write!(
        page,
        "As many as can be answered with {at_once} at once, and {per_second} a second, {seconds} s each in {rounds} rounds, of which the one in \
         the middle; {processors} processors.\n\n"
    )?;
    page.push_str("| way | most a second | of the plain proxy | processor time | p50 | p99 | added p50 | added p99 |\n|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for Row { way, most_per_second, of_proxy, processor_us, p50_ms, p99_ms, added_ms: [p50, p99] } in rows {
        let processor = processor_us.map_or_else(String::new, |time| format!("{time:.0} µs"));
        writeln!(
            page,
            "| {way} | {most_per_second:.0} | {of_proxy:.2} | {processor} | {p50_ms:.2} ms | {p99_ms:.2} ms | {p50:.2} ms | {p99:.2} ms |"
        )?;
    }
    page.push_str("\n| requests in a batch | gas each |\n|--:|--:|\n");
    for Gas { requests, each } in gas {
        writeln!(page, "| {requests} | {each} |")?;
    }
    Ok(page)
}
