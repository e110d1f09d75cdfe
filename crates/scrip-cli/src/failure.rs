//! Why a command failed, and how the process exits then.

use std::{error::Error as StdError, fmt, io, process::ExitCode};

use alloy::{primitives::TxHash, transports::RpcError};
use scrip::{Error, Refusal};
use serde_json::{Value, json};

/// How the process exits. The numbers are documented, and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    Refused = 3,
    NotKnownYet = 4,
    Unreachable = 5,
    WrongPlace = 6,
    TooPoor = 7,
    NotConfirmed = 8,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// What programs read.
    const fn kind(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::NotKnownYet => "not_known_yet",
            Self::Unreachable => "unreachable",
            Self::WrongPlace => "wrong_place",
            Self::TooPoor => "too_poor",
            Self::NotConfirmed => "not_confirmed",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// An error of the tool itself.
#[derive(Debug)]
pub(crate) struct Problem {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

/// Something that is wrong.
pub(crate) fn problem(exit: Exit, message: impl Into<String>) -> Problem {
    Problem { exit, message: message.into(), hint: None }
}

impl Problem {
    /// What to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Problem {}

/// An error, as it is printed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) causes: Vec<String>,
    refusal: Option<String>,
    transaction: Option<TxHash>,
    key: Option<String>,
    broken_pipe: bool,
}

impl Failure {
    pub(crate) fn of(error: &eyre::Report, verbose: bool) -> Self {
        let mut failure = Self {
            exit: Exit::Failed,
            message: error.to_string(),
            hint: None,
            causes: Vec::new(),
            refusal: None,
            transaction: None,
            key: None,
            broken_pipe: error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe),
        };
        if let Some(problem) = error.downcast_ref::<Problem>() {
            failure.exit = problem.exit;
            failure.hint.clone_from(&problem.hint);
            // What it was before it was said in other words.
            let error = error.downcast_ref::<Error>();
            failure.refusal = error.and_then(Error::refused_by).map(name_of);
            if let Some(Error::Pending { transaction, .. }) = error {
                failure.transaction = Some(*transaction);
            }
        } else if let Some(error) = error.downcast_ref::<Error>() {
            failure.exit = exit_of(error);
            failure.message = without_urls(&failure.message);
            failure.hint = error.hint();
            failure.refusal = error.refused_by().map(name_of);
            if let Error::Pending { transaction, .. } | Error::MinedRevert { transaction, .. } = error {
                failure.transaction = Some(*transaction);
            }
            if let Error::Pending { transaction, key, .. } = error {
                failure.key.clone_from(key);
                failure.hint = Some(what_to_do(*transaction, key.as_deref()));
            }
            if let Some(message) = unreachable(error) {
                failure.message = message;
                failure.hint = Some("try again, or use another node with --rpc-url".to_owned());
            }
        } else {
            // An error that came in a cause says more than what was being done.
            let causes = error.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>();
            for cause in causes {
                failure.message = format!("{}: {cause}", failure.message);
            }
            if let Some((message, hint)) = failure.message.clone().split_once("\n\nhint: ") {
                failure.message = message.to_owned();
                failure.hint = Some(hint.to_owned());
            }
        }
        if verbose {
            failure.causes = error.chain().skip(1).map(|cause| without_urls(&cause.to_string())).collect();
        }
        failure
    }

    pub(crate) const fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// What programs read.
    pub(crate) fn json(&self) -> Value {
        let Self { exit, message, hint, refusal, transaction, key, .. } = self;
        let mut error = json!({ "kind": exit.kind(), "code": exit.code(), "message": message, "hint": hint });
        if let Some(refusal) = refusal {
            error["refusal"] = json!(refusal);
        }
        if let Some(transaction) = transaction {
            error["transaction"] = json!(transaction);
        }
        if let Some(key) = key {
            error["key"] = json!(key);
        }
        json!({ "error": error })
    }
}

/// When it is not known what became of a write.
fn what_to_do(transaction: TxHash, key: Option<&str>) -> String {
    match key {
        Some(key) => format!(
            "repeat the same command with `--once '{key}'`: it is done once, and says what became of it"
        ),
        None => format!(
            "it may still be mined: look {transaction} up before you try again; with `--once KEY` a command can simply be repeated"
        ),
    }
}

fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Refused(_) | Error::Reverted(_) | Error::MinedRevert { .. } => Exit::Refused,
        // What a journal has that cannot be read may have been sent.
        Error::Pending { .. } | Error::Journal(_) => Exit::NotKnownYet,
        Error::WrongChain { .. } | Error::NotScrip { .. } | Error::NoCreate2Deployer { .. } => {
            Exit::WrongPlace
        }
        Error::InsufficientFunds { .. } => Exit::TooPoor,
        Error::InvalidAmount { .. }
        | Error::InvalidPlanId(_)
        | Error::InvalidDid(_)
        | Error::InvalidCursor(_)
        | Error::OtherCursor { .. }
        | Error::InvalidDuration(_)
        | Error::InvalidCurrency(_)
        | Error::InvalidDeadline(_)
        | Error::ZeroLimit
        | Error::KeyReused { .. }
        | Error::PriceTooLarge { .. } => Exit::Usage,
        Error::Transport(error) if error.as_error_resp().is_none() => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

/// What is said when no answer came: an endpoint's URL, which may hold its key, is not repeated.
fn unreachable(error: &Error) -> Option<String> {
    match error {
        Error::Transport(RpcError::Transport(error)) => {
            Some(format!("the node did not answer: {}", root(error)))
        }
        _ => None,
    }
}

/// The innermost cause, without URLs.
pub(crate) fn root(error: &(dyn StdError + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    without_urls(&innermost.to_string())
}

pub(crate) fn without_urls(text: &str) -> String {
    let word = |word: &str| if word.contains("://") { "(URL)".to_owned() } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The name of the contract's error: what its debug form begins with.
fn name_of(refusal: &Refusal) -> String {
    let text = format!("{refusal:?}");
    // `Scrip(OrdersStopped(OrdersStopped { … }))`
    text.split(['(', ' ', '{']).nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use alloy::transports::TransportErrorKind;

    use super::*;

    #[test]
    fn a_node_that_does_not_answer_is_not_told_with_its_key() {
        let text = "error sending request for url (https://node/v2/SECRET)";
        let error = eyre::Report::from(Error::Transport(TransportErrorKind::custom_str(text)));
        let failure = Failure::of(&error, true);
        assert_eq!(failure.message, "the node did not answer: error sending request for url (URL)");
        assert_eq!(failure.json()["error"]["code"], 5);
        assert!(!format!("{failure:?}").contains("SECRET"), "{failure:?}");
    }

    #[test]
    fn urls_are_not_repeated() {
        let text = "error sending request for url (https://node/v2/SECRET) failed";
        assert_eq!(without_urls(text), "error sending request for url (URL) failed");
    }
}
