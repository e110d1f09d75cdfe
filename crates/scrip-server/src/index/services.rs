//! The registry of services, read behind the history of plans.
//!
//! It is another contract, and the client's history does not tell of it. Each time that all up to a block was told, the logs of
//! the registry up to the same block are read. A reorg is found by the block up to which was read: when it is not on the chain
//! any more, all that is within the window of reorgs is read again.

use std::collections::BTreeSet;

use alloy::{
    consensus::BlockHeader as _,
    primitives::Address,
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEventInterface,
    transports::RpcError,
};
use scrip::{BlockRef, Did, Error, PlanId, Services, abi::IServices::IServicesEvents};
use sqlx::{AnyConnection, Row};

use super::{AFTER_ALL, follow::Halt, lead::Term};
use crate::{
    account::{as_i64, as_u64},
    problem::Problem,
    state::State,
};

/// How far below the tip a reorg may begin, in blocks: as far as the history of plans knows.
const WINDOW: u64 = 128;
/// The most blocks that a node is asked for in one call.
const RANGE: u64 = 10_000;

/// What the registry said of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Owned(Address),
    Linked(PlanId),
    Unlinked(PlanId),
}

/// Where it was said.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) block: i64,
    pub(super) log: i64,
    /// Empty by this server's word.
    pub(super) hash: String,
}

impl Said {
    fn of(event: IServicesEvents) -> Option<(Did, Self)> {
        Some(match event {
            IServicesEvents::ServiceCreated(event) => (Did(event.did), Self::Owned(event.owner)),
            IServicesEvents::ServiceOwnershipAccepted(event) => (Did(event.did), Self::Owned(event.owner)),
            IServicesEvents::ServicePlanAdded(event) => (Did(event.did), Self::Linked(PlanId(event.planId))),
            IServicesEvents::ServicePlanRemoved(event) => {
                (Did(event.did), Self::Unlinked(PlanId(event.planId)))
            }
            _ => return None,
        })
    }

    fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Owned(owner) => ("owned", owner.to_string()),
            Self::Linked(plan) => ("linked", plan.to_string()),
            Self::Unlinked(plan) => ("unlinked", plan.to_string()),
        }
    }
}

impl State {
    /// Reads the registry's logs up to a block, after those that were read before.
    pub(super) async fn read_services(&self, term: Term, target: BlockRef) -> Result<(), Halt> {
        let row = sqlx::query("SELECT services_block, services_hash FROM index_state WHERE id = 1")
            .fetch_one(&self.db)
            .await?;
        let (block, hash): (Option<i64>, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let before_all = self.indexing.from_block.saturating_sub(1);
        let mut at = match (block, hash) {
            (Some(block), Some(hash)) => {
                let hash = hash.parse().map_err(|_| Halt::Broken(format!("`{hash}` is no hash")))?;
                BlockRef { number: as_u64(block), hash }
            }
            _ => self.block_ref(before_all).await?.ok_or_else(changed)?,
        };
        if self.block_ref(at.number).await? != Some(at) {
            let to = at.number.saturating_sub(WINDOW).max(before_all).min(at.number);
            let to = self.block_ref(to).await?.ok_or_else(changed)?;
            tracing::info!(
                block = to.number,
                "a reorg: the registry of services is read again from this block"
            );
            self.forget_services(term, to).await?;
            at = to;
        }
        let services = match Services::connect(self.chain.scrip()).await {
            Ok(services) => *services.instance().address(),
            // A chain without the registry has no agents.
            Err(Error::NotScrip { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut range = RANGE;
        while at.number < target.number {
            let last = target.number.min(at.number + range);
            let end = self.block_ref(last).await?.ok_or_else(changed)?;
            let filter = Filter::new().address(services).from_block(at.number + 1).to_block(last);
            let logs = match self.chain.scrip().provider().get_logs(&filter).await {
                Ok(logs) => logs,
                // Too many for this node, it may be.
                Err(RpcError::ErrorResp(_)) if last > at.number + 1 => {
                    range = (last - at.number) / 2;
                    continue;
                }
                Err(error) => return Err(Error::from(error).into()),
            };
            // The same blocks at both ends, before and after: the logs between are of this chain, and all of them.
            let is_same = self.block_ref(at.number).await? == Some(at)
                && self.block_ref(last).await? == Some(end)
                && (last < target.number || end == target);
            if !is_same {
                return Err(changed());
            }
            self.write_services(term, &logs, end).await?;
            at = end;
            // It may have been a node that was busy.
            range = RANGE.min(range * 2);
        }
        Ok(())
    }

    async fn block_ref(&self, number: u64) -> Result<Option<BlockRef>, Error> {
        let found = self.chain.scrip().provider().get_block_by_number(number.into()).await?;
        Ok(found.map(|block| BlockRef { number: block.header.number(), hash: block.header.hash }))
    }

    async fn write_services(&self, term: Term, logs: &[Log], end: BlockRef) -> Result<(), Halt> {
        let mut db = self.write().await?;
        term.write(&mut db).await?;
        // What this server has said of these blocks is told now, or is not on the chain.
        let ours = "DELETE FROM index_services WHERE hash = '' AND block <= $1 RETURNING agent";
        let mut changed = forget(&mut db, ours, end.number).await?;
        for log in logs {
            let Ok(event) = IServicesEvents::decode_log(&log.inner) else { continue };
            let Some((agent, said)) = Said::of(event.data) else { continue };
            let (Some(block), Some(index), Some(hash)) = (log.block_number, log.log_index, log.block_hash)
            else {
                return Err(Halt::Failed("the node answered a log without its place".to_owned()));
            };
            let place = Place { block: as_i64(block), log: as_i64(index), hash: hash.to_string() };
            keep_said(&mut db, agent, &said, &place).await?;
            changed.insert(agent.to_string());
        }
        for agent in changed {
            remake_agent(&mut db, &agent).await?;
        }
        come_to(&mut db, end).await?;
        Ok(db.commit().await?)
    }

    /// Forgets what was said above a block.
    async fn forget_services(&self, term: Term, to: BlockRef) -> Result<(), Halt> {
        let mut db = self.write().await?;
        term.write(&mut db).await?;
        let above = "DELETE FROM index_services WHERE hash <> '' AND block > $1 RETURNING agent";
        for agent in forget(&mut db, above, to.number).await? {
            remake_agent(&mut db, &agent).await?;
        }
        come_to(&mut db, to).await?;
        Ok(db.commit().await?)
    }
}

/// The node's chain is another than a moment ago: it is looked at again.
fn changed() -> Halt {
    Halt::Failed("the chain has changed while it was read".to_owned())
}

async fn forget(
    db: &mut AnyConnection,
    which: &'static str,
    block: u64,
) -> Result<BTreeSet<String>, Problem> {
    let rows = sqlx::query(which).bind(as_i64(block)).fetch_all(db).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?)
}

async fn come_to(db: &mut AnyConnection, block: BlockRef) -> Result<(), Problem> {
    sqlx::query("UPDATE index_state SET services_block = $1, services_hash = $2 WHERE id = 1")
        .bind(as_i64(block.number))
        .bind(block.hash.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Writes down what was said of a service.
pub(super) async fn keep_said(
    db: &mut AnyConnection,
    agent: Did,
    said: &Said,
    place: &Place,
) -> Result<(), Problem> {
    let (kind, subject) = said.columns();
    sqlx::query(
        "INSERT INTO index_services (block, log, hash, agent, kind, subject) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (block, log, agent, subject) DO UPDATE SET kind = $5, hash = $3",
    )
    .bind(place.block)
    .bind(place.log)
    .bind(&place.hash)
    .bind(agent.to_string())
    .bind(kind)
    .bind(subject)
    .execute(db)
    .await?;
    Ok(())
}

/// Makes an agent of what there is said of it.
pub(super) async fn remake_agent(db: &mut AnyConnection, agent: &str) -> Result<(), Problem> {
    let rows = sqlx::query(
        "SELECT block, log, kind, subject FROM index_services WHERE agent = $1 ORDER BY block, log, kind, subject",
    )
    .bind(agent)
    .fetch_all(&mut *db)
    .await?;
    let (mut owned, mut plans) = (None, BTreeSet::new());
    for row in rows {
        let (kind, subject): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        match kind.as_str() {
            "owned" => {
                // Where it was created stays.
                let place = match owned {
                    Some((_, place)) => place,
                    None => (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?),
                };
                owned = Some((subject, place));
            }
            "linked" => drop(plans.insert(subject)),
            _ => drop(plans.remove(&subject)),
        }
    }
    for former in ["DELETE FROM index_links WHERE agent = $1", "DELETE FROM index_agents WHERE agent = $1"] {
        sqlx::query(former).bind(agent).execute(&mut *db).await?;
    }
    let Some((owner, (block, log))) = owned else { return Ok(()) };
    sqlx::query("INSERT INTO index_agents (agent, owner, block, log) VALUES ($1, $2, $3, $4)")
        .bind(agent)
        .bind(owner)
        .bind(block)
        .bind(log)
        .execute(&mut *db)
        .await?;
    for plan in plans {
        sqlx::query("INSERT INTO index_links (agent, plan) VALUES ($1, $2)")
            .bind(agent)
            .bind(plan)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// After all that the chain says in a block.
pub(super) fn by_our_word(block: u64) -> Place {
    Place { block: as_i64(block), log: AFTER_ALL, hash: String::new() }
}
