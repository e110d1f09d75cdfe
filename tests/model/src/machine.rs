//! The machine: the real bytecode, run in this process.

use std::collections::BTreeMap;

use alloy::{
    hex,
    primitives::{Address, B256, Bytes, LogData, TxKind, U256, keccak256},
    sol_types::{SolCall, SolValue},
};
use eyre::{ContextCompat, Result, ensure, eyre};
use revm::{
    Context, Database, DatabaseCommit, DatabaseRef, ExecuteEvm, MainBuilder, MainContext, MainnetEvm,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};
use scrip_artifacts::compile_contracts;

use crate::{
    abi::IToken,
    cast::{CHAIN_ID, COIN, Cast, KEYED, MONEYED, START, TOKEN_KINDS, TOKENS, Who},
    model::Answer,
};

/// The gas of a transaction: what one may have by EIP-7825.
pub const GAS: u64 = 16_777_216;

/// The contracts, in the order in which they are deployed; the core comes first, and makes its router itself.
const CONTRACTS: [(Who, &str, &str); 13] = [
    (Who::Core, "contracts/Scrip.sol", "Scrip"),
    (Who::Holder, "tests/contracts/mocks/Chameleon.sol", "Chameleon"),
    (Who::Payee, "tests/contracts/mocks/Chameleon.sol", "Chameleon"),
    (Who::Hook, "tests/contracts/mocks/Chameleon.sol", "Chameleon"),
    (Who::Source, "tests/contracts/mocks/Chameleon.sol", "Chameleon"),
    (Who::Acceptor, "tests/contracts/mocks/Holders.sol", "AcceptingHolder"),
    (Who::Clumsy, "tests/contracts/mocks/Holders.sol", "ClumsyHolder"),
    (Who::Dollar, "tests/contracts/mocks/TestDollar.sol", "TestDollar"),
    (Who::NoReturnDollar, "tests/contracts/mocks/Tokens.sol", "NoReturnDollar"),
    (Who::FalseDollar, "tests/contracts/mocks/Tokens.sol", "FalseDollar"),
    (Who::RiddlingDollar, "tests/contracts/mocks/Tokens.sol", "RiddlingDollar"),
    (Who::FeeDollar, "tests/contracts/mocks/Tokens.sol", "FeeDollar"),
    (Who::TrickyDollar, "tests/contracts/mocks/TrickyDollar.sol", "TrickyDollar"),
];

/// Who deploys everything.
const DEPLOYER: Address = Address::repeat_byte(0xde);

type Store = CacheDB<EmptyDB>;

/// A chain with the core and its surroundings. A clone is a chain of its own.
pub struct Machine {
    evm: MainnetEvm<MainnetContext<Store>>,
    cast: Cast,
    now: u64,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Machine").field("now", &self.now).finish_non_exhaustive()
    }
}

/// A chain as it is when a sequence begins, and who is on it.
#[derive(Debug, Clone)]
pub struct Stage {
    store: Store,
    /// Who takes part.
    pub cast: Cast,
}

impl Stage {
    /// Compiles the contracts, deploys them, and gives everybody money.
    pub fn set() -> Result<Self> {
        let sources = CONTRACTS.map(|(_, source, name)| (source, name));
        let compiled = compile_contracts(&sources)?;
        let mut addresses: BTreeMap<_, _> =
            KEYED.iter().filter_map(|who| Some((*who, who.key()?.address()))).collect();
        addresses.insert(Who::Zero, Address::ZERO);
        addresses.insert(Who::Nobody, Address::repeat_byte(0x0b));
        addresses.insert(Who::Skimmed, Address::left_padding_from(&[0x0f, 0xee]));

        let mut machine = Machine::new(Store::default(), Cast::default());
        let eve = addresses[&Who::Eve];
        for ((who, _, _), contract) in CONTRACTS.iter().zip(compiled) {
            let mut code = hex::decode(contract.creation.trim())?;
            if *who == Who::Core {
                code.extend(eve.abi_encode());
            }
            addresses.insert(*who, machine.deploy(code.into())?);
        }
        addresses.insert(Who::Router, addresses[&Who::Core].create(1));
        let delegated =
            AccountInfo { code: Some(Bytecode::new_eip7702(addresses[&Who::Holder])), ..Default::default() };
        machine.evm.ctx.journaled_state.database.insert_account_info(addresses[&Who::Dora], delegated);

        machine.cast = Cast::new(addresses);
        machine.give_money()?;
        let cast = machine.cast.clone();
        Ok(Self { store: machine.evm.ctx.journaled_state.database, cast })
    }

    /// A chain of its own.
    pub fn machine(&self) -> Machine {
        Machine::new(self.store.clone(), self.cast.clone())
    }
}

impl Machine {
    fn new(store: Store, cast: Cast) -> Self {
        let mut cfg = CfgEnv::new_with_spec(SpecId::PRAGUE).with_chain_id(CHAIN_ID).with_mainnet_gas_params();
        cfg.disable_nonce_check = true;
        // Holders with code act, too.
        cfg.disable_eip3607 = true;
        let block =
            BlockEnv { timestamp: U256::from(START), gas_limit: 2 * GAS, basefee: 0, ..Default::default() };
        let context = Context::mainnet().with_db(store).with_cfg(cfg).with_block(block);
        Self { evm: context.build_mainnet(), cast, now: START }
    }

    /// The time, unix seconds.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets time pass.
    pub fn warp(&mut self, seconds: u64) {
        self.now += seconds;
        self.evm.ctx.block.timestamp = U256::from(self.now);
    }

    /// Does a transaction: the answer, the core's events, and how much gas was used.
    pub fn transact(
        &mut self,
        from: Address,
        (to, value, data): (Address, U256, Bytes),
        gas: u64,
    ) -> Result<(Answer, Vec<LogData>, u64)> {
        // With less than the floor of EIP-7623 it would not be a transaction.
        let gas = gas.max(21_000 + 40 * data.len() as u64);
        let result = self.evm.transact(tx(from, TxKind::Call(to), value, data, gas))?;
        self.evm.ctx.journaled_state.database.commit(result.state);
        let core = self.cast.at(Who::Core);
        let used = result.result.gas().tx_gas_used();
        let (answer, logs) = answer_of(result.result);
        Ok((answer, logs.into_iter().filter(|log| log.address == core).map(|log| log.data).collect(), used))
    }

    /// Asks the core, which changes nothing.
    pub fn ask(&mut self, data: Bytes) -> Result<Answer> {
        let to = TxKind::Call(self.cast.at(Who::Core));
        let result = self.evm.transact(tx(DEPLOYER, to, U256::ZERO, data, GAS))?;
        Ok(answer_of(result.result).0)
    }

    /// What somebody has of a token.
    pub fn token(&self, token: Address, slot: U256) -> Result<U256> {
        Ok(self.evm.ctx.journaled_state.database.storage_ref(token, slot)?)
    }

    /// What coin somebody has.
    pub fn coin(&mut self, who: Address) -> Result<U256> {
        Ok(self.evm.ctx.journaled_state.database.basic(who)?.unwrap_or_default().balance)
    }

    fn deploy(&mut self, code: Bytes) -> Result<Address> {
        let result = self.evm.transact(tx(DEPLOYER, TxKind::Create, U256::ZERO, code, GAS))?;
        self.evm.ctx.journaled_state.database.commit(result.state);
        let address = result.result.created_address().wrap_err("the contract was not created")?;
        ensure!(result.result.is_success(), "a contract was not deployed: {:?}", result.result);
        Ok(address)
    }

    fn give_money(&mut self) -> Result<()> {
        let core = self.cast.at(Who::Core);
        for who in MONEYED.map(|who| self.cast.at(who)) {
            let store = &mut self.evm.ctx.journaled_state.database;
            let mut info = store.basic(who)?.unwrap_or_default();
            info.balance = U256::from(COIN);
            store.insert_account_info(who, info);
            for token in TOKEN_KINDS.map(|token| self.cast.at(token)) {
                let mint = IToken::mintCall { account: who, amount: U256::from(TOKENS) }.abi_encode();
                let approve = IToken::approveCall { spender: core, amount: U256::MAX }.abi_encode();
                for data in [mint, approve] {
                    let (answer, ..) = self.transact(who, (token, U256::ZERO, data.into()), GAS)?;
                    answer.map_err(|error| eyre!("no money for all: {}", hex::encode(error)))?;
                }
                ensure!(
                    self.token(token, balance_slot(who))? == U256::from(TOKENS),
                    "balances are elsewhere"
                );
            }
        }
        Ok(())
    }
}

/// Where OpenZeppelin's ERC-20 keeps a balance.
pub fn balance_slot(who: Address) -> U256 {
    let key: B256 = keccak256((who, U256::ZERO).abi_encode());
    key.into()
}

fn tx(caller: Address, kind: TxKind, value: U256, data: Bytes, gas_limit: u64) -> TxEnv {
    TxEnv {
        caller,
        kind,
        value,
        data,
        gas_limit,
        gas_price: 0,
        chain_id: Some(CHAIN_ID),
        ..Default::default()
    }
}

fn answer_of(result: ExecutionResult) -> (Answer, Vec<alloy::primitives::Log>) {
    match result {
        ExecutionResult::Success { output, logs, .. } => (Ok(output.into_data().to_vec()), logs),
        ExecutionResult::Revert { output, .. } => (Err(output.to_vec()), Vec::new()),
        ExecutionResult::Halt { .. } => (Err(Vec::new()), Vec::new()),
    }
}
