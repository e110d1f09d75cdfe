//! The gas table: `scripts/bench`; `--json` for programs, `--page FILE` writes the page, `--check FILE` makes sure that it is what
//! was measured. Fails when an operation is above its figure.

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::fs;

use eyre::{OptionExt, Result, WrapErr, bail, ensure};
use scrip_e2e::{
    demo::{new_table, right_align, thousands},
    gas::{Row, measure, page},
};

enum Output {
    Table,
    Json,
    Page(String),
    Check(String),
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Output> {
    let Some(argument) = arguments.next() else { return Ok(Output::Table) };
    let mut file = || arguments.next().ok_or_eyre("name the page's file");
    Ok(match argument.as_str() {
        "--json" => Output::Json,
        "--page" => Output::Page(file()?),
        "--check" => Output::Check(file()?),
        other => bail!("`{other}` is none of --json, --page FILE and --check FILE"),
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let output = parse(std::env::args().skip(1))?;
    let rows = measure().await?;
    match output {
        Output::Table => println!("{}", table(&rows)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&rows)?),
        Output::Page(file) => fs::write(file, page(&rows)?)?,
        Output::Check(file) => {
            println!("{}", table(&rows));
            let committed = fs::read_to_string(&file).wrap_err_with(|| format!("{file} cannot be read"))?;
            ensure!(committed == page(&rows)?, "{file} is stale: run scripts/bench --page {file}");
        }
    }
    let above: Vec<_> = rows.iter().filter(|row| !row.is_within()).map(|row| row.operation).collect();
    ensure!(above.is_empty(), "above their figures: {}", above.join("; "));
    Ok(())
}

fn table(rows: &[Row]) -> impl std::fmt::Display + use<> {
    let mut table = new_table(["operation", "gas", "at most", "incumbent", "times ours", ""]);
    for row in rows {
        table.add_row([
            row.operation.to_owned(),
            thousands(row.gas),
            row.at_most.map(thousands).unwrap_or_default(),
            row.incumbent.map(|theirs| thousands(theirs.gas)).unwrap_or_default(),
            row.ratio().map(|ratio| format!("{ratio:.1}")).unwrap_or_default(),
            if row.is_within() { "" } else { "above" }.to_owned(),
        ]);
    }
    right_align(&mut table, &[1, 2, 3, 4]);
    table
}
