//! A book of vouchers, in a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use eyre::{Result, WrapErr};
use scrip::{AnyVoucher, Collected, Error, Receipt, RefusedVoucher, Taken, VoucherBook};
use serde_json::{Value, json};

use super::voucher_file;
use crate::{
    context::Context,
    failure::{Exit, Problem, problem, without_urls},
    files::{lock, replace},
    node::{Node, Session},
    report::Report,
    text,
};

/// Checks vouchers and keeps them, each for all that it lets be taken.
pub(crate) async fn collect(file: &Path, vouchers: &[PathBuf], context: &Context) -> Result<Report> {
    let vouchers = vouchers.iter().map(|file| voucher_file::read(file)).collect::<Result<Vec<_>>>()?;
    let node = Node::connect(context).await?;
    let scrip = node.scrip().await?;
    // What is no book gets no lock beside it.
    read(file)?;
    let _alone = lock(file, context.print)?;
    let mut book = match (read(file)?, vouchers.first()) {
        (Some(book), _) => book,
        (None, Some(first)) => VoucherBook::new(first.redeemer()),
        (None, None) => return Err(problem(Exit::Usage, "no voucher is named").into()),
    };
    let progress = context.print.progress("checking vouchers");
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for voucher in vouchers {
        let why = match book.collect(&scrip, voucher.clone(), voucher.maximum()).await? {
            Collected::Kept { more, .. } => {
                kept.push((voucher, more));
                continue;
            }
            Collected::Older { maximum, deadline } => {
                let until = text::time(deadline);
                format!("the book has a newer one: {maximum} can be taken with it until {until}")
            }
            Collected::TooLittle { maximum, owed } => format!("it lets {maximum} be taken, not {owed}"),
            Collected::Refused(state) => state.to_string(),
        };
        refused.push((voucher, why));
    }
    drop(progress);
    write(file, &book)?;

    let lines = kept.iter().map(|(voucher, more)| format!("kept: {more} more of {}", voucher.holder()));
    let mut report = Report::new(json!({
        "redeemer": book.redeemer(), "owed": book.owed(),
        "kept": kept.iter().map(|(voucher, more)| with(voucher, "more", json!(more))).collect::<Vec<_>>(),
        "refused": refused.iter().map(|(voucher, why)| with(voucher, "reason", json!(why))).collect::<Vec<_>>(),
    }));
    for line in lines {
        report = report.line(line);
    }
    for (voucher, why) in &refused {
        report = report.line(format!("not kept, of {}: {why}", voucher.holder()));
    }
    let report = report.line(format!("{} can be redeemed by {}", book.owed(), book.redeemer()));
    let others = (!kept.is_empty()).then_some("the others are in the book");
    ended(report, refused.len(), "not kept", others, context)
}

/// What became of a book's vouchers so far.
#[derive(Debug, Default)]
struct Redeemed {
    taken: Vec<Taken>,
    refused: Vec<RefusedVoucher>,
    receipts: Vec<Receipt>,
}

/// Redeems all that the book has.
pub(crate) async fn redeem(file: &Path, context: &Context) -> Result<Report> {
    let nowhere = || {
        problem(Exit::Usage, format!("there is no book {}", file.display()))
            .hint("`scrip voucher collect` makes one")
    };
    read(file)?.ok_or_else(nowhere)?;
    let session = Session::connect_with_journal(context).await?;
    let _alone = lock(file, context.print)?;
    let mut book = read(file)?.ok_or_else(nowhere)?;
    if session.scrip.signer() != book.redeemer() {
        let message = format!("the book is of {}, not of {}", book.redeemer(), session.scrip.signer());
        return Err(problem(Exit::Usage, message)
            .hint("redeem as the redeemer that its vouchers name")
            .into());
    }
    let progress = context.print.progress("redeeming all");
    let mut redeemed = Redeemed::default();
    let outcome = redeem_all(&mut book, file, &session, &mut redeemed).await;
    drop(progress);

    let Redeemed { taken, refused, receipts } = &redeemed;
    let mut report = Report::new(json!({
        "redeemed": taken.iter().map(|one| with(&one.voucher, "amount", json!(one.amount))).collect::<Vec<_>>(),
        "refused": refused.iter().map(|one| {
            let mut json = with(&one.voucher, "amount", json!(one.amount));
            json["reason"] = json!(one.error.to_string());
            json["dropped"] = json!(one.dropped);
            json
        }).collect::<Vec<_>>(),
        "owed": book.owed(),
        "transactions": receipts.iter().map(|receipt| receipt.transaction).collect::<Vec<_>>(),
    }));
    for one in taken {
        report = report.line(format!("redeemed {} of {}", one.amount, one.voucher.holder()));
    }
    for one in refused {
        let then = if one.dropped { "dropped" } else { "still in the book" };
        report =
            report.line(format!("not {} of {}, {then}: {}", one.amount, one.voucher.holder(), one.error));
    }
    for receipt in receipts {
        report = report.receipt(receipt);
    }
    let said_nothing = report.blocks.is_empty();
    if let Err(error) = outcome {
        // What is done is told before what went wrong then.
        if !said_nothing {
            context.print.report(&report)?;
        }
        return Err(to_be_repeated(error));
    }
    if said_nothing {
        report = report.line("nothing is owed");
    }
    let others = (!taken.is_empty()).then_some("the others are");
    ended(report, refused.len(), "not redeemed", others, context)
}

async fn redeem_all(
    book: &mut VoucherBook,
    file: &Path,
    session: &Session<'_>,
    redeemed: &mut Redeemed,
) -> Result<()> {
    // What was left by a process that has ended may have been in vain; what is chosen now should not be.
    let mut in_vain = 0;
    while in_vain < 2 {
        let prepared = book.prepare(&session.scrip).await?;
        // Those that are still in the book were tried again.
        redeemed.refused.retain(|one| one.dropped);
        redeemed.refused.extend(prepared.refused);
        if prepared.redemptions > 0
            && let Some(receipt) = redeemed.receipts.last()
        {
            // At once: the book forgets it when it is written, and this process may end before its report.
            let so_far = text::count(redeemed.taken.len() as u64, "voucher");
            let note = format!("{so_far} redeemed so far, the last in transaction {}", receipt.transaction);
            session.node.context.print.note(&note);
        }
        // Before anything is sent, so that a process that goes on after this one knows what was.
        write(file, book)?;
        if prepared.redemptions == 0 {
            break;
        }
        let done = book.redeem(&session.scrip).await;
        // What was done is told even if it cannot be written down; then it is found in the journal again.
        let written = write(file, book);
        let done = done?;
        in_vain += u32::from(done.redeemed.is_empty());
        redeemed.taken.extend(done.redeemed);
        redeemed.refused.extend(done.refused);
        redeemed.receipts.extend(done.receipt);
        written?;
    }
    Ok(())
}

/// What to do when it is not known yet what became of a transaction: its key is the book's own.
fn to_be_repeated(error: eyre::Report) -> eyre::Report {
    match error.downcast_ref() {
        Some(Error::Pending { .. } | Error::Journal(_)) => {
            let problem = problem(Exit::NotKnownYet, without_urls(&error.to_string()))
                .hint("repeat the command: the book knows what is under way, and goes on with it");
            error.wrap_err(problem)
        }
        _ => error,
    }
}

/// What a voucher is known by, and something about it.
fn with(voucher: &AnyVoucher, field: &str, value: Value) -> Value {
    let mut json = voucher_file::json(voucher);
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "signature" | "redeemer" | "maximum" | "deadline"));
        fields.insert(field.to_owned(), value);
    }
    json
}

/// The report, or after it the failure, when something was refused.
fn ended(
    report: Report,
    refused: usize,
    how: &str,
    others: Option<&str>,
    context: &Context,
) -> Result<Report> {
    if refused == 0 {
        return Ok(report);
    }
    context.print.report(&report)?;
    let count = text::count(refused as u64, "voucher");
    let were = if refused == 1 { "was" } else { "were" };
    let problem = problem(Exit::Refused, format!("{count} {were} {how}"));
    Err(others.into_iter().fold(problem, Problem::hint).into())
}

fn read(file: &Path) -> Result<Option<VoucherBook>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(serde_json::from_str(&text).map_err(|error| {
            problem(Exit::Usage, format!("{} is no book of vouchers: {error}", file.display()))
                .hint("name the file that `scrip voucher collect` has made, or a new one")
        })?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).wrap_err_with(|| format!("{} cannot be read", file.display())),
    }
}

fn write(file: &Path, book: &VoucherBook) -> Result<()> {
    replace(file, &serde_json::to_string_pretty(book)?)
}
