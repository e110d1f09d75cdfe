//! The gas table: `scripts/bench`; `--json` for programs, `--page FILE` writes the page, `--check FILE` makes sure that it is what
//! was measured. Fails when an operation is above its figure.
//!
//! With `speed` the table of how fast it is, beside rivals in the same run; `--json` for programs, `--page FILE` writes the page.
//! Fails when something is slower than its bound.
//!
//! With `server` the figures of the server, and with `gateway` those of the gateway; `--json` for programs, `--page FILE` writes the
//! page.

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::fs;

use eyre::{OptionExt, Result, WrapErr, bail, ensure};
use scrip_e2e::{
    demo::{new_table, right_align, thousands},
    forwarding,
    gas::{self, page},
    serving, speed,
};
use serde::Serialize;

enum Output {
    Table,
    Json,
    Page(String),
    Check(String),
    Speed,
    SpeedJson,
    SpeedPage(String),
    Server,
    ServerJson,
    ServerPage(String),
    Gateway,
    GatewayJson,
    GatewayPage(String),
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Output> {
    let Some(argument) = arguments.next() else { return Ok(Output::Table) };
    Ok(match argument.as_str() {
        "--json" => Output::Json,
        "--page" => Output::Page(file(arguments)?),
        "--check" => Output::Check(file(arguments)?),
        "speed" => match arguments.next().as_deref() {
            None => Output::Speed,
            Some("--json") => Output::SpeedJson,
            Some("--page") => Output::SpeedPage(file(arguments)?),
            Some(other) => bail!("`{other}` is neither --json nor --page FILE"),
        },
        "server" => match arguments.next().as_deref() {
            None => Output::Server,
            Some("--json") => Output::ServerJson,
            Some("--page") => Output::ServerPage(file(arguments)?),
            Some(other) => bail!("`{other}` is neither --json nor --page FILE"),
        },
        "gateway" => match arguments.next().as_deref() {
            None => Output::Gateway,
            Some("--json") => Output::GatewayJson,
            Some("--page") => Output::GatewayPage(file(arguments)?),
            Some(other) => bail!("`{other}` is neither --json nor --page FILE"),
        },
        other => bail!("`{other}` is none of --json, --page FILE, --check FILE, speed, server and gateway"),
    })
}

fn file(mut arguments: impl Iterator<Item = String>) -> Result<String> {
    arguments.next().ok_or_eyre("name the page's file")
}

#[tokio::main]
async fn main() -> Result<()> {
    let output = parse(std::env::args().skip(1))?;
    if matches!(output, Output::Speed | Output::SpeedJson | Output::SpeedPage(_)) {
        return speed(output).await;
    }
    if matches!(output, Output::Server | Output::ServerJson | Output::ServerPage(_)) {
        return server(output).await;
    }
    if matches!(output, Output::Gateway | Output::GatewayJson | Output::GatewayPage(_)) {
        return gateway(output).await;
    }
    let rows = gas::measure().await?;
    match output {
        Output::Json => json(&rows)?,
        Output::Page(file) => fs::write(file, page(&rows)?)?,
        Output::Check(file) => {
            println!("{}", table(&rows));
            let committed = fs::read_to_string(&file).wrap_err_with(|| format!("{file} cannot be read"))?;
            ensure!(committed == page(&rows)?, "{file} is stale: run scripts/bench --page {file}");
        }
        _ => println!("{}", table(&rows)),
    }
    let above: Vec<_> = rows.iter().filter(|row| !row.is_within()).map(|row| row.operation).collect();
    ensure!(above.is_empty(), "above their figures: {}", above.join("; "));
    Ok(())
}

async fn speed(output: Output) -> Result<()> {
    let rows = speed::measure().await?;
    match output {
        Output::SpeedJson => json(&rows)?,
        Output::SpeedPage(file) => fs::write(file, speed::page(&rows)?)?,
        _ => println!("{}", speed_table(&rows)),
    }
    let slow: Vec<_> = rows.iter().filter(|row| !row.is_within()).map(|row| row.task).collect();
    ensure!(slow.is_empty(), "slower than their bounds: {}", slow.join("; "));
    Ok(())
}

async fn server(output: Output) -> Result<()> {
    let figures = serving::measure().await?;
    match output {
        Output::ServerJson => json(&figures)?,
        Output::ServerPage(file) => fs::write(file, serving::page(&figures)?)?,
        _ => println!("{}\n\n{}", server_table(&figures), memory_table(&figures)),
    }
    Ok(())
}

async fn gateway(output: Output) -> Result<()> {
    let figures = forwarding::measure().await?;
    match output {
        Output::GatewayJson => json(&figures)?,
        Output::GatewayPage(file) => fs::write(file, forwarding::page(&figures)?)?,
        _ => println!("{}", forwarding::tables(&figures)?),
    }
    Ok(())
}

fn json(rows: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(rows)?);
    Ok(())
}

fn table(rows: &[gas::Row]) -> impl std::fmt::Display + use<> {
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

fn speed_table(rows: &[speed::Row]) -> impl std::fmt::Display + use<> {
    let mut table = new_table(["task", "ours", "rival", "theirs", "times better", "at least", ""]);
    for row in rows {
        let figure = |figure: f64| format!("{figure:.1} {}", row.unit.symbol());
        table.add_row([
            row.task.to_owned(),
            figure(row.ours),
            row.rival.to_owned(),
            figure(row.theirs),
            format!("{:.2}", row.ratio),
            row.at_least.map(|least| format!("{least:.1}")).unwrap_or_default(),
            if row.is_within() { "" } else { "below" }.to_owned(),
        ]);
    }
    right_align(&mut table, &[1, 3, 4, 5]);
    table
}

fn server_table(figures: &serving::Figures) -> impl std::fmt::Display + use<> {
    let mut table = new_table(["task", "database", "a second", "p50", "p99", "of the bare route"]);
    for row in &figures.rows {
        table.add_row([
            row.task.to_owned(),
            row.database.unwrap_or_default().to_owned(),
            format!("{:.0}", row.per_second),
            format!("{:.1} ms", row.p50_ms),
            format!("{:.1} ms", row.p99_ms),
            format!("{:.3}", row.of_bare),
        ]);
    }
    right_align(&mut table, &[2, 3, 4, 5]);
    table
}

fn memory_table(figures: &serving::Figures) -> impl std::fmt::Display + use<> {
    let mut table = new_table(["memory on", "at rest", "at most"]);
    for row in &figures.memory {
        let mebibytes = |figure: f64| format!("{figure:.0} MiB");
        table.add_row([row.database.to_owned(), mebibytes(row.at_rest), mebibytes(row.at_most)]);
    }
    right_align(&mut table, &[1, 2]);
    table
}
