//! Vouchers.

use std::path::Path;

use alloy::primitives::{B256, U256};
use eyre::{OptionExt, Result};
use scrip::{AnyVoucher, Lens, PlanId, Price, RequestId, Scrip, SessionVoucher, Signed, Voucher};
use serde_json::json;

use super::{voucher_book, voucher_file};
use crate::{
    amounts,
    args::{Request, SignArgs, VoucherCommand, Who},
    context::Context,
    failure::{Exit, problem},
    node::{Node, Session},
    report::Report,
    text,
};

/// Does what was said about vouchers.
pub(crate) async fn run(command: VoucherCommand, context: &Context) -> Result<Report> {
    match command {
        VoucherCommand::Sign(args) => sign(args, context).await,
        VoucherCommand::Check { file, amount, request } => check(&file, amount, request, context).await,
        VoucherCommand::Redeem { file, amount, request } => redeem(&file, amount, request, context).await,
        VoucherCommand::Collect { book, files } => voucher_book::collect(&book, &files, context).await,
        VoucherCommand::RedeemAll { book } => voucher_book::redeem(&book, context).await,
        VoucherCommand::Revoke { nonce: Some(nonce), .. } => revoke(nonce, context).await,
        VoucherCommand::Revoke { session, plan, redeemer, .. } => {
            let session = session.ok_or_eyre("no session")?;
            end(plan.ok_or_eyre("no plan")?, &redeemer.ok_or_eyre("no redeemer")?, session, context).await
        }
    }
}

async fn sign(args: SignArgs, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let SignArgs { plan, maximum, nonce, valid, .. } = args;
    let redeemer = session.node.who(&args.redeemer)?;
    let (scrip, holder) = (&session.scrip, session.scrip.signer());
    let key = session.account.signer();
    let deadline = match args.deadline {
        Some(deadline) => deadline,
        None => session.node.now().await?.saturating_add(valid.as_secs()),
    };
    let price = scrip.plan(plan).await?.terms.price;
    if args.approve {
        approve(&session, price, maximum).await?;
    } else if matches!(price, Price::PerUse { .. }) {
        context.print.note("The plan is paid per use: approve its token, too, as --approve does");
    }
    let voucher = match args.session {
        Some(session) => {
            let voucher = SessionVoucher { plan, holder, redeemer, maximum, session, deadline };
            AnyVoucher::Session(scrip.sign(voucher, &*key).await?)
        }
        None => {
            let nonce = nonce.unwrap_or_else(random);
            let voucher = Voucher { plan, holder, redeemer, maximum, nonce, deadline };
            AnyVoucher::Single(scrip.sign(voucher, &*key).await?)
        }
    };
    context.print.note(&format!("Valid until {}; hand it to {redeemer}", text::time(deadline)));
    // The same for people and for programs: it is handed over.
    Ok(Report::raw(format!("{:#}\n", voucher_file::json(&voucher)).into()))
}

/// A number that nobody has used.
fn random() -> U256 {
    U256::from_be_bytes(B256::random().0)
}

/// Lets the core pull the price of so many uses.
async fn approve(session: &Session<'_>, price: Price, uses: u64) -> Result<()> {
    let (print, scrip) = (session.node.context.print, &session.scrip);
    let Price::PerUse { token, amount } = price else {
        return Err(problem(Exit::Usage, "--approve is of a plan paid per use, and this is none").into());
    };
    let token = amounts::named(&session.node.network, scrip, token).await?;
    let most = U256::from(amount).saturating_mul(U256::from(uses));
    let question = Report::new(json!(null)).fields([
        ("token", amounts::full_name(&token)),
        ("may be taken", token.format(most)),
        ("by", scrip.address().to_string()),
    ]);
    print.confirm(&question, "Approve?")?;
    let progress = print.progress("approving");
    let receipts = scrip.approve(token.address, most).await?;
    drop(progress);
    for receipt in receipts {
        print.note(&format!("approved by transaction {}", receipt.transaction));
    }
    Ok(())
}

async fn check(
    file: &Path,
    amount: Option<u64>,
    request: Option<Request>,
    context: &Context,
) -> Result<Report> {
    let voucher = voucher_file::read(file)?;
    let node = Node::connect(context).await?;
    let scrip = node.scrip().await?;
    let lens = Lens::connect(&scrip).await?;
    let (redeemer, amount, forecast) = match &voucher {
        AnyVoucher::Single(signed) => {
            let amount = amount.unwrap_or(signed.voucher.maximum);
            (
                signed.voucher.redeemer,
                amount,
                lens.forecast_voucher(signed, signed.voucher.redeemer, amount).await?,
            )
        }
        AnyVoucher::Session(signed) => {
            let SessionVoucher { plan, holder, redeemer, maximum, session, .. } = signed.voucher;
            let spent = scrip.session(plan, holder, redeemer, session).await?.spent;
            let amount = amount.unwrap_or(maximum.saturating_sub(spent));
            // Any id will do that nobody uses.
            let request = request.map_or_else(|| RequestId(random()), |request| request.id);
            (redeemer, amount, lens.forecast_session(signed, redeemer, amount, request).await?)
        }
    };
    if let Some(refusal) = forecast.refusal {
        return Err(refusal.into());
    }
    let json =
        json!({ "valid": true, "redeemer": redeemer, "amount": amount, "asks_hook": forecast.asks_hook });
    let hook = if forecast.asks_hook { ", unless a hook refuses" } else { "" };
    Ok(Report::new(json).line(format!("good for {amount}, redeemed by {redeemer}{hook}")))
}

async fn redeem(file: &Path, amount: u64, request: Option<Request>, context: &Context) -> Result<Report> {
    let voucher = voucher_file::read(file)?;
    let session = Session::connect(context).await?;
    let progress = context.print.progress("redeeming");
    let report = match &voucher {
        AnyVoucher::Single(signed) => {
            if request.is_some() {
                return Err(problem(
                    Exit::Usage,
                    "a voucher for one redemption has no request: it is used up by it",
                )
                .hint("leave --request out")
                .into());
            }
            single(&session.scrip, signed, amount).await?
        }
        AnyVoucher::Session(signed) => {
            let request = request.ok_or_else(|| {
                problem(Exit::Usage, "a session is redeemed exactly once for each request, and none is said")
                    .hint("say it with --request ID")
            })?;
            in_session(&session.scrip, signed, amount, &request).await?
        }
    };
    drop(progress);
    Ok(report)
}

async fn single(
    scrip: &Scrip<scrip_devnet::WalletProvider>,
    signed: &Signed<Voucher>,
    amount: u64,
) -> Result<Report> {
    let done = scrip.redeem_with_voucher(signed, amount).await?;
    let json = json!({
        "plan": done.plan.to_string(), "holder": done.holder, "redeemer": done.redeemer, "amount": done.amount,
        "nonce": done.nonce.to_string(),
    });
    Ok(Report::done(&done, json)
        .line(format!("redeemed {} of {}; the voucher is used up", done.amount, done.holder))
        .receipt(&done.receipt))
}

async fn in_session(
    scrip: &Scrip<scrip_devnet::WalletProvider>,
    signed: &Signed<SessionVoucher>,
    amount: u64,
    request: &Request,
) -> Result<Report> {
    let done = scrip.redeem_in_session(signed, amount, request.id).await?;
    let maximum = signed.voucher.maximum;
    let json = json!({
        "plan": done.plan.to_string(), "holder": done.holder, "redeemer": done.redeemer, "amount": amount,
        "request": request.id.to_string(), "session": done.session.to_string(), "spent": done.spent, "maximum": maximum,
    });
    Ok(Report::done(&done, json)
        .line(format!(
            "redeemed {amount} of {}, for request {request}: {} of {maximum} in the session",
            done.holder, done.spent
        ))
        .receipt(&done.receipt))
}

async fn revoke(nonce: U256, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let progress = context.print.progress("revoking the voucher");
    let done = session.scrip.revoke_voucher(nonce).await?;
    drop(progress);
    Ok(Report::done(&done, json!({ "holder": done.holder, "nonce": nonce.to_string() }))
        .line(format!("the voucher with nonce {nonce} is revoked"))
        .receipt(&done.receipt))
}

async fn end(plan: PlanId, redeemer: &Who, id: U256, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let redeemer = session.node.who(redeemer)?;
    let progress = context.print.progress("ending the session");
    let done = session.scrip.revoke_session(plan, redeemer, id).await?;
    drop(progress);
    let json = json!({
        "plan": plan.to_string(), "holder": done.holder, "redeemer": redeemer, "session": id.to_string(),
    });
    Ok(Report::done(&done, json)
        .line(format!("session {id} with {redeemer} is ended"))
        .receipt(&done.receipt))
}
