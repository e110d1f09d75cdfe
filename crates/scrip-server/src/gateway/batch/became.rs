//! What has become of the requests of a batch, taken down.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::AnyConnection;

use super::item::{Became, Item, Open, written};
use crate::{
    account::as_i64,
    database::fresh_id,
    gateway::journal::{Counters, Holding},
    problem::Problem,
    sql::{Bind, change_rows},
    state::State,
};

impl State {
    /// Takes down what has become of some requests of a batch, by their numbers: what is owed no longer, and from which block on the
    /// chain's balance is without it. What is left of it is another attempt. Nothing where another process has gone further with it; whether
    /// this was written.
    pub(super) async fn take_down_became(
        &self,
        mut open: Open,
        became: &HashMap<i64, Became>,
        block: u64,
    ) -> Result<bool, Problem> {
        let (mut redeemed, mut unpaid) = (Vec::new(), Vec::new());
        for item in open.items.iter_mut().filter(|item| item.became.is_none()) {
            item.became = became.get(&item.number).copied();
            match item.became {
                Some(Became::Redeemed) => redeemed.push(item.clone()),
                Some(Became::Unpaid) => unpaid.push(item.clone()),
                Some(Became::Moved) | None => {}
            }
        }
        let is_done = open.owed().next().is_none();
        // Of a batch that is redeemed, what it had need not be written again.
        let items = if is_done && unpaid.is_empty() { None } else { Some(written(&open.items)?) };
        let status = if is_done { "done" } else { "open" };
        let mut db = self.write().await?;
        // First, in their order: who waits for these rows has none of a batch. What is known of these holders counts no longer.
        let changes = credits(&open, redeemed.iter().chain(&unpaid)).into_iter().map(|(of, credits)| {
            let [plan, holder] = of.binds();
            let less = Bind::Number(-credits);
            vec![plan, holder, Bind::Number(1), Bind::Number(0), less.clone(), less]
        });
        change_rows(
            &mut db,
            "INSERT INTO holdings (plan, holder, turn, purchases, gateway_owed, gateway_cut) VALUES ROWS \
             ON CONFLICT (plan, holder) DO UPDATE SET turn = holdings.turn + 1, \
               gateway_owed = holdings.gateway_owed + excluded.gateway_owed, \
               gateway_cut = holdings.gateway_cut + excluded.gateway_cut",
            changes.collect(),
        )
        .await?;
        let next = sqlx::query(
            "UPDATE gateway_batches SET status = $1, items = COALESCE($2, items), redeemed = redeemed + $3, \
               attempts = attempts + 1, vouchers = NULL WHERE id = $4 AND attempts = $5 AND status = 'open'",
        )
        .bind(status)
        .bind(items)
        .bind(redeemed.len() as i64)
        .bind(&open.id)
        .bind(open.attempt)
        .execute(&mut *db)
        .await?;
        if next.rows_affected() == 0 {
            db.rollback().await?;
            return Ok(false);
        }
        let taken = credits(&open, redeemed.iter()).into_iter().map(|(of, credits)| {
            let [plan, holder] = of.binds();
            let batch = open.id.as_str().into();
            vec![plan, holder, batch, open.attempt.into(), as_i64(block).into(), credits.into()]
        });
        change_rows(
            &mut db,
            "INSERT INTO gateway_redeemed (plan, holder, batch, attempt, block, credits) VALUES ROWS",
            taken.collect(),
        )
        .await?;
        self.take_down_unpaid(&mut db, &open, &unpaid).await?;
        db.commit().await?;
        Ok(true)
    }

    /// What could not be redeemed is taken down, and counts in its session no longer.
    async fn take_down_unpaid(
        &self,
        db: &mut AnyConnection,
        open: &Open,
        items: &[Item],
    ) -> Result<(), Problem> {
        for item in items {
            let [plan, holder] = open.holding(item).binds();
            let session = item.session.map(|number| number.to_string());
            let row = vec![
                item.id.as_str().into(),
                plan,
                holder,
                open.redeemer.to_string().into(),
                session.into(),
                as_i64(item.credits).into(),
                self.now_i64().into(),
            ];
            // More may have been owed of one after others had let go of it.
            change_rows(
                &mut *db,
                "INSERT INTO gateway_unpaid (id, plan, holder, redeemer, session, credits, found_at) VALUES ROWS \
                 ON CONFLICT (id) DO UPDATE SET credits = gateway_unpaid.credits + excluded.credits, session = excluded.session",
                vec![row],
            )
            .await?;
        }
        let counted =
            items.iter().filter_map(|item| Some((open.holding(item), open.session(item)?, item.credits)));
        let counted: Vec<_> = counted.collect();
        let mut counters = Counters::default();
        for (of, session, credits) in &counted {
            counters.take(of, *session, *credits);
        }
        counters.write(db).await?;
        super::vouchers::doubt(db, &counted).await
    }

    /// Puts the second half of what a batch owes into one of its own, under the ids that it has.
    pub(super) async fn halve_batch(&self, open: &Open) -> Result<(), Problem> {
        let owed: Vec<_> = open.owed().cloned().collect();
        let half = &owed[owed.len() / 2..];
        let moved: HashSet<_> = half.iter().map(|item| item.number).collect();
        let mut all = open.items.clone();
        for item in all.iter_mut().filter(|item| moved.contains(&item.number)) {
            item.became = Some(Became::Moved);
        }
        let mut db = self.write().await?;
        let next = sqlx::query(
            "UPDATE gateway_batches SET attempts = attempts + 1, vouchers = NULL, items = $1 \
             WHERE id = $2 AND attempts = $3 AND status = 'open'",
        )
        .bind(written(&all)?)
        .bind(&open.id)
        .bind(open.attempt)
        .execute(&mut *db)
        .await?;
        if next.rows_affected() == 0 {
            return Ok(db.rollback().await?);
        }
        sqlx::query(
            "INSERT INTO gateway_batches (id, plan, redeemer, base, status, attempts, created_at, items, redeemed) \
             SELECT $1, plan, redeemer, base, 'open', 0, created_at, $2, 0 FROM gateway_batches WHERE id = $3",
        )
        .bind(fresh_id())
        .bind(written(half)?)
        .bind(&open.id)
        .execute(&mut *db)
        .await?;
        Ok(db.commit().await?)
    }
}

/// The credits of some requests, by holder, in their order.
fn credits<'a>(open: &Open, items: impl Iterator<Item = &'a Item>) -> BTreeMap<Holding, i64> {
    let mut credits = BTreeMap::<_, i64>::new();
    for item in items {
        let credits = credits.entry(open.holding(item)).or_default();
        *credits = credits.saturating_add(as_i64(item.credits));
    }
    credits
}
