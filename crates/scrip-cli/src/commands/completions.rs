//! Completions for shells, and manual pages.

use std::{fs, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;
use eyre::{Result, WrapErr};
use serde_json::json;

use crate::{
    args::Cli,
    report::{self, Report},
};

/// A completion script.
pub(crate) fn completions(shell: Shell) -> Result<Report> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "scrip", &mut script);
    Ok(Report::raw(script))
}

/// The manual pages, one for each command.
pub(crate) fn man(folder: &Path) -> Result<Report> {
    fs::create_dir_all(folder).wrap_err_with(|| format!("{} cannot be made", folder.display()))?;
    clap_mangen::generate_to(Cli::command(), folder)
        .wrap_err_with(|| format!("{} cannot be written", folder.display()))?;
    let line = format!("the manual pages are in {}", folder.display());
    Ok(Report::new(json!({ "folder": report::path(folder) })).line(line))
}
