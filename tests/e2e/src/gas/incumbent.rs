//! What the incumbent's published contracts cost.

use serde::Serialize;

/// Which contracts, and how they were measured; for the page.
pub(super) const PROVENANCE: &str = "\
[`nevermined-io/protocol`](https://github.com/nevermined-io/protocol) v1.0.4 (commit `0327fcd`),
measured by us: `gasUsed` of real transactions on Anvil (hardfork prague), compiled by solc 0.8.30 with the project's own settings
(`via_ir`, 200 runs), with a plain OpenZeppelin ERC-20. Two runs differed by at most 36 gas. Where it says *with its fee* a second
receiver is paid 1 % in the same transaction.";

/// A figure of the incumbent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Incumbent {
    /// What was measured.
    pub operation: &'static str,
    /// Its gas.
    pub gas: u64,
}

const fn figure(operation: &'static str, gas: u64) -> Option<Incumbent> {
    Some(Incumbent { operation, gas })
}

macro_rules! figures {
    ($($name:ident: $operation:literal, $gas:expr;)*) => {
        $(pub(super) const $name: Option<Incumbent> = figure($operation, $gas);)*
    };
}

figures! {
    CREATE_PLAN: "create plan, one receiver", 352_694;
    ORDER_FIRST: "order ERC-20, first", 637_064;
    ORDER_REPEAT: "order ERC-20, repeat", 619_976;
    ORDER_FEE_FIRST: "order ERC-20, with its fee, first", 659_422;
    ORDER_FEE_REPEAT: "order ERC-20, with its fee, repeat", 642_322;
    ORDER_NATIVE_FIRST: "order native, with its fee, first", 660_182;
    ORDER_NATIVE_REPEAT: "order native, with its fee, repeat", 643_082;
    ORDER_LIFETIME_FIRST: "order expirable, with its fee, first", 770_789;
    ORDER_LIFETIME_REPEAT: "order expirable, with its fee, repeat", 736_577;
    APPROVE_AND_ORDER: "approve exactly, then order, repeat: two transactions", 28_845 + 619_976;
    MINT_NEW: "mint fixed, first", 118_155;
    MINT_KNOWN: "mint fixed, repeat", 101_055;
    MINT_EXPIRABLE_NEW: "mint expirable, first", 229_753;
    MINT_EXPIRABLE_KNOWN: "mint expirable, repeat", 195_553;
    BURN_BY_OWNER: "burn fixed by the plan's owner, without an id", 90_332;
    BURN: "burn fixed, without an id", 99_210;
    BURN_EXPIRABLE: "burn expirable, without an id", 183_262;
    BURN_PROOF_FIRST: "burn fixed with a proof, first", 133_903;
    BURN_PROOF_REPEAT: "burn fixed with a proof, repeat", 116_803;
    BATCH: "burn a batch of 10 of one plan and holder", 221_363;
    BURN_AFTER_HISTORY: "burn after 200 cycles of mint, burn and expiry", 2_075_062;
    BURN_ACROSS: "one burn across 100 mints", 7_964_776;
    BURN_BEHIND: "burn after 200 mints have expired", 1_563_062;
    BALANCE_YOUNG: "balance after 1 mint and 1 burn, as a transaction", 51_603;
    BALANCE_OLD: "balance after 1 mint and 200 burns, as a transaction", 2_239_608;
}
