//! Tables for spreadsheets.

use std::borrow::Cow;

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

/// A table as a file, with a name of ours.
pub(super) fn file<R: IntoIterator<Item = String>>(
    name: &str,
    columns: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<Response, Problem> {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let failed = |error: csv::Error| Problem::internal(&error);
    table.write_record(columns).map_err(failed)?;
    for row in rows {
        let cells: Vec<_> = row.into_iter().map(|cell| harmless(&cell).into_owned()).collect();
        table.write_record(&cells).map_err(failed)?;
    }
    let text = table.into_inner().map_err(|error| Problem::internal(error.error()))?;
    let attached = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let told: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, attached.unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    Ok((told, text).into_response())
}

/// A cell that no spreadsheet takes for a formula: what begins like one has an apostrophe before it.
fn harmless(cell: &str) -> Cow<'_, str> {
    let begins = cell.trim_start_matches([' ', '\u{feff}', '\u{a0}']).chars().next();
    match begins {
        Some(
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '|' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}'
            | '\u{ff20}',
        ) => format!("'{cell}").into(),
        _ => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "|cmd", "\u{ff1d}1"] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        for cell in ["", "1", "0x12", "A = B", "2026-01-01", "\"=1"] {
            assert_eq!(harmless(cell), cell);
        }
    }
}
