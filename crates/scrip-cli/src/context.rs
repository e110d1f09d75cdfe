//! What every command is given: what was said, what is configured, and the printer.

use eyre::Result;

use crate::{args::Global, config::Config, print::Printer};

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) config: Config,
    pub(crate) print: Printer,
}

impl Context {
    pub(crate) fn new(global: Global, print: Printer) -> Result<Self> {
        Ok(Self { config: Config::read()?, global, print })
    }
}
