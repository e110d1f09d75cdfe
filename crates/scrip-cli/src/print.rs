//! The printer, the only place that prints: data on stdout, all else on stderr. Colour only where a terminal reads, and not with
//! `NO_COLOR`.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use clap::error::ErrorKind;
use comfy_table::{ContentArrangement, Table, presets};
use dialoguer::{Confirm, Password};
use eyre::{Result, WrapErr};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    args::Global,
    failure::{Exit, Failure, problem},
    report::{Block, Report},
};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();

/// Prints as it was told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    json: bool,
    quiet: bool,
    verbose: bool,
    yes: bool,
}

impl Printer {
    pub(crate) const fn new(global: &Global) -> Self {
        Self { json: global.json, quiet: global.quiet, verbose: global.verbose, yes: global.yes }
    }

    /// Prints what a command has to say, on stdout.
    pub(crate) fn report(self, report: &Report) -> Result<()> {
        let mut out = anstream::stdout().lock();
        if let [Block::Raw(bytes)] = report.blocks.as_slice() {
            out.write_all(bytes)?;
        } else if self.json {
            writeln!(out, "{:#}", report.json)?;
        } else {
            for block in &report.blocks {
                write_block(&mut out, block)?;
            }
        }
        Ok(out.flush()?)
    }

    /// Prints one of many things, on stdout; JSON on a line of its own.
    pub(crate) fn stream(self, report: &Report) -> Result<()> {
        if !self.json {
            return self.report(report);
        }
        let mut out = anstream::stdout().lock();
        writeln!(out, "{}", report.json)?;
        Ok(out.flush()?)
    }

    /// Prints why a command failed, on stderr; returns how to exit.
    pub(crate) fn failure(self, error: &eyre::Report) -> ExitCode {
        let failure = Failure::of(error, self.verbose);
        // A reader that has gone, as of `| head`, wants no complaint.
        if failure.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let mut err = anstream::stderr().lock();
        // Where stderr is gone there is nobody to tell.
        let _ =
            if self.json { writeln!(err, "{:#}", failure.json()) } else { write_failure(&mut err, &failure) };
        failure.exit.into()
    }

    /// Says something by the way, on stderr.
    pub(crate) fn note(self, note: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(anstream::stderr(), "{note}");
        }
    }

    /// Says something by the way that only some want to know.
    pub(crate) fn detail(self, detail: &str) {
        if self.verbose && !self.json {
            let _ = writeln!(anstream::stderr(), "{DIM}{detail}{DIM:#}");
        }
    }

    /// Prints a report on stderr, so that what is asked next can be answered.
    fn explain(self, report: &Report) {
        let mut err = anstream::stderr().lock();
        for block in &report.blocks {
            let _ = write_block(&mut err, block);
        }
    }

    /// Warns, on stderr.
    pub(crate) fn warn(self, warning: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(anstream::stderr(), "{YELLOW}warning:{YELLOW:#} {warning}");
        }
    }

    /// Asks whether to go on, after an explanation; refuses where there is nobody to ask.
    pub(crate) fn confirm(self, report: &Report, question: &str) -> Result<()> {
        if self.yes {
            if !self.quiet && !self.json {
                self.explain(report);
            }
            return Ok(());
        }
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            if !self.json {
                self.explain(report);
            }
            return Err(problem(Exit::NotConfirmed, "not confirmed: there is no terminal to ask on")
                .hint("say --yes to go on without being asked")
                .into());
        }
        self.explain(report);
        let asked = Confirm::new().with_prompt(question).default(false);
        if asked.interact().wrap_err("the answer cannot be read")? {
            return Ok(());
        }
        Err(problem(Exit::NotConfirmed, "not confirmed: nothing was sent").into())
    }

    /// Asks for a secret, on the terminal.
    pub(crate) fn secret(self, prompt: &str, twice: bool, hint: &'static str) -> Result<String> {
        if !io::stdin().is_terminal() {
            return Err(problem(Exit::Usage, format!("there is no terminal to ask on: {prompt}"))
                .hint(hint)
                .into());
        }
        let asked = Password::new().with_prompt(prompt);
        let asked = if twice { asked.with_confirmation("again", "they differ") } else { asked };
        asked.interact().wrap_err("the answer cannot be read")
    }

    /// Shows that something takes time, until what is returned is dropped.
    pub(crate) fn progress(self, what: &str) -> Progress {
        let shown = !self.quiet && !self.json && !self.verbose && io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        self.detail(what);
        Progress(bar)
    }
}

/// Something that takes time.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// What is done now.
    pub(crate) fn now(&self, what: String) {
        self.0.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Prints what the parser of arguments says: help, or what was wrong.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // It failed to parse the arguments that would tell.
    if !is_help && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let message = text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default().trim();
        let json = json!({ "error": { "kind": "usage", "code": Exit::Usage.code(), "message": message, "hint": Value::Null } });
        let _ = writeln!(anstream::stderr(), "{json:#}");
    } else {
        let _ = error.print();
    }
    if is_help { ExitCode::SUCCESS } else { Exit::Usage.into() }
}

fn write_failure(out: &mut impl Write, failure: &Failure) -> io::Result<()> {
    writeln!(out, "{RED}error:{RED:#} {}", plain(&failure.message))?;
    for cause in &failure.causes {
        writeln!(out, "  {DIM}because: {}{DIM:#}", plain(cause))?;
    }
    if let Some(hint) = &failure.hint {
        writeln!(out, "\n{GREEN}hint:{GREEN:#} {hint}")?;
    }
    Ok(())
}

/// Names and symbols come from the chain, where anyone writes them: none of them moves the cursor, begins a line or turns the
/// direction of what is read.
fn plain(text: &str) -> String {
    let is_seen = |letter: char| {
        !letter.is_control()
            && !matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_seen(letter) { letter } else { char::REPLACEMENT_CHARACTER }).collect()
}

fn write_block(out: &mut impl Write, block: &Block) -> io::Result<()> {
    match block {
        Block::Line(line) => writeln!(out, "{}", plain(line)),
        Block::Raw(bytes) => out.write_all(bytes),
        Block::Fields(fields) => {
            let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
            for (name, value) in fields {
                writeln!(out, "{DIM}{name:<width$}{DIM:#}  {}", plain(value))?;
            }
            Ok(())
        }
        Block::Table(head, rows) => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
            table.set_header(head);
            table.add_rows(rows.iter().map(|row| row.iter().map(|cell| plain(cell))));
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            for (number, line) in table.lines().enumerate() {
                let style = if number == 0 { BOLD } else { Style::new() };
                writeln!(out, "{style}{}{style:#}", line.trim_end())?;
            }
            Ok(())
        }
    }
}
