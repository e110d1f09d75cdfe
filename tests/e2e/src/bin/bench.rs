//! The gas table: `scripts/bench`, or `scripts/bench --json`. Fails when an operation is above its figure.

#![allow(clippy::print_stdout, reason = "a program for people")]

use eyre::{Result, ensure};
use scrip_e2e::{
    demo::{new_table, right_align, thousands},
    gas::{Row, measure},
};

#[tokio::main]
async fn main() -> Result<()> {
    let rows = measure().await?;
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        let mut table = new_table(["operation", "gas", "at most", ""]);
        for row in &rows {
            table.add_row([
                row.operation.to_owned(),
                thousands(row.gas),
                row.at_most.map(thousands).unwrap_or_default(),
                if row.is_within() { "" } else { "above" }.to_owned(),
            ]);
        }
        right_align(&mut table, &[1, 2]);
        println!("{table}");
    }
    let above: Vec<_> = rows.iter().filter(|row| !row.is_within()).map(|row: &Row| row.operation).collect();
    ensure!(above.is_empty(), "above their figures: {}", above.join("; "));
    Ok(())
}
