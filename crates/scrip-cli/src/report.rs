//! What a command has to say: for programs a JSON value, for people lines, fields and tables.

use std::path::Path;

use alloy::primitives::TxHash;
use scrip::{Done, Receipt};
use serde_json::{Map, Value, json};

/// What a command has to say.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) json: Value,
    pub(crate) blocks: Vec<Block>,
}

/// A part of what people read.
#[derive(Debug)]
pub(crate) enum Block {
    /// A sentence.
    Line(String),
    /// Names and their values, one pair a line.
    Fields(Vec<(&'static str, String)>),
    /// Rows beneath a head.
    Table(Vec<&'static str>, Vec<Vec<String>>),
    /// Bytes as they are: a script for a shell.
    Raw(Vec<u8>),
}

impl Report {
    /// What programs read.
    pub(crate) const fn new(json: Value) -> Self {
        Self { json, blocks: Vec::new() }
    }

    /// Bytes that are the same for programs and people.
    pub(crate) fn raw(bytes: Vec<u8>) -> Self {
        Self { json: Value::Null, blocks: vec![Block::Raw(bytes)] }
    }

    /// A write: what happened, as JSON, with its transaction.
    pub(crate) fn done<E>(done: &Done<E>, happened: Value) -> Self {
        let Value::Object(mut fields) = happened else { return Self::new(happened) };
        fields.extend(receipt_fields(&done.receipt));
        Self::new(Value::Object(fields))
    }

    pub(crate) fn line(mut self, line: impl Into<String>) -> Self {
        self.blocks.push(Block::Line(line.into()));
        self
    }

    pub(crate) fn fields(mut self, fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.blocks.push(Block::Fields(fields.into_iter().collect()));
        self
    }

    pub(crate) fn table<const N: usize>(
        mut self,
        head: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        self.blocks.push(Block::Table(head.to_vec(), rows.into_iter().map(Vec::from).collect()));
        self
    }

    /// The line of a write's transaction.
    pub(crate) fn receipt(self, receipt: &Receipt) -> Self {
        let Receipt { transaction, block, gas_used, .. } = receipt;
        self.line(format!("transaction {transaction} in block {block}, {gas_used} gas"))
    }
}

fn receipt_fields(receipt: &Receipt) -> Map<String, Value> {
    let transaction: TxHash = receipt.transaction;
    let fields = json!({ "transaction": transaction, "block": receipt.block, "gas_used": receipt.gas_used });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

/// A path as JSON has it.
pub(crate) fn path(path: &Path) -> Value {
    json!(path.display().to_string())
}
