//! The gas page, `docs/gas.md`, made from what was measured.

use std::fmt::Write;

use eyre::Result;

use scrip::Compiler;

use super::{Row, Section, incumbent::PROVENANCE};
use crate::demo::thousands;

const HEAD: &str = "<!-- Made by `scripts/bench --page docs/gas.md`; a change by hand is lost. -->

# Gas

What each operation costs as a whole transaction, the most that it may cost, and what the same costs with the contracts that
Scrip replaces. `scripts/test` measures all of it again, fails when a figure is above its bound, and when this page is not what
was measured.

How ours are measured: `gasUsed` from the receipts of real transactions on Anvil 1.7.1 (hardfork prague), with the committed
bytecode (COMPILER) and an OpenZeppelin ERC-20; one payee and no protocol fee unless said; called by the
plan's owner; at most 4 live lots, and nothing to clear. *First* is a holder's first order of a plan, which writes to empty
storage; *repeat* any later one. *Bound* is the figure that we hold ourselves to. A dollar token behind a proxy costs more for
everyone, and rollups add the price of their data.

How theirs were measured: ";

const COMPILER: &str = include_str!("../../../../crates/scrip/artifacts/compiler.json");

/// The page.
pub fn page(rows: &[Row]) -> Result<String> {
    let compiler: Compiler = serde_json::from_str(COMPILER)?;
    let version = compiler.version.split('+').next().unwrap_or_default();
    let via_ir = if compiler.via_ir { "`via_ir`, " } else { "" };
    let compiler = format!("solc {version}, {via_ir}{} runs", thousands(compiler.optimizer_runs as u64));
    let mut page = HEAD.replace("COMPILER", &compiler) + PROVENANCE + "\n";
    for section in Section::ALL {
        write!(
            page,
            "\n## {}\n\n| operation | Scrip | bound | incumbent | times ours | the incumbent's operation |\n\
             |---|--:|--:|--:|--:|---|\n",
            section.title()
        )?;
        for row in rows.iter().filter(|row| row.section == section) {
            let bound = row.at_most.map_or_else(String::new, thousands);
            let (theirs, what) = row
                .incumbent
                .map_or_else(Default::default, |theirs| (thousands(theirs.gas), theirs.operation));
            let ratio = row.ratio().map_or_else(String::new, |ratio| format!("{ratio:.1}"));
            let gas = thousands(row.gas);
            writeln!(page, "| {} | {gas} | {bound} | {theirs} | {ratio} | {what} |", row.operation)?;
        }
        let notes = rows.iter().filter(|row| row.section == section);
        let notes = notes.filter_map(|row| Some(format!("- *{}*: {}.\n", row.operation, row.note?)));
        let notes: String = notes.collect();
        if !notes.is_empty() {
            write!(page, "\n{notes}")?;
        }
    }
    Ok(page)
}
