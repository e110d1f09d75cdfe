//! Permissions: the access tokens of an account, as they are listed and revoked.

use alloy::primitives::{Address, B256};
use scrip::PlanId;
use sqlx::{Row, any::AnyRow};

use crate::{
    access_token::{AccessToken, NewToken},
    account::{as_i64, as_u64},
    paging::{Listed, Page},
    problem::{Problem, ProblemKind},
    state::State,
};

/// An access token, as it is listed: never the token itself.
#[derive(Debug, Clone)]
pub(crate) struct Permission {
    pub(crate) hash: B256,
    pub(crate) plan: PlanId,
    pub(crate) agent: Option<String>,
    pub(crate) delegation: Option<String>,
    pub(crate) is_single_use: bool,
    pub(crate) created_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) revoked_at: Option<u64>,
}

const COLUMNS: &str = "hash, plan, agent, delegation, single_use, created_at, expires_at, revoked_at";

impl Permission {
    fn read(row: &AnyRow) -> Result<Self, Problem> {
        let (hash, plan): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Self {
            hash: hash.parse().map_err(|error| Problem::internal(&error))?,
            plan: plan.parse()?,
            agent: row.try_get(2)?,
            delegation: row.try_get(3)?,
            is_single_use: row.try_get::<i64, _>(4)? != 0,
            created_at: as_u64(row.try_get(5)?),
            expires_at: as_u64(row.try_get(6)?),
            revoked_at: row.try_get::<Option<i64>, _>(7)?.map(as_u64),
        })
    }
}

impl State {
    /// Makes an access token, which is shown this once.
    pub(crate) async fn create_token(&self, new: NewToken) -> Result<(AccessToken, String), Problem> {
        let (token, text) = self.tokens.sign(new).map_err(|error| Problem::internal(&error))?;
        let says = token.authorization();
        sqlx::query(
            "INSERT INTO permissions \
               (hash, account, plan, agent, delegation, single_use, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(says.hash.to_string())
        .bind(says.from.to_string())
        .bind(token.plan().to_string())
        .bind(&token.accepted.extra.agent_id)
        .bind(&says.delegation_id)
        .bind(i64::from(token.is_single_use()))
        .bind(as_i64(says.issued_at))
        .bind(as_i64(says.expires_at))
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok((token, text))
    }

    /// A page of the account's access tokens.
    pub(crate) async fn list_permissions(
        &self,
        account: Address,
        page: Page<100>,
    ) -> Result<Vec<Permission>, Problem> {
        let listed = Listed {
            columns: COLUMNS,
            from: "permissions WHERE account = $1",
            order: &format!("created_at {}, hash", page.order),
            binds: &[account.to_string()],
        };
        let (_, rows) = self.page(page, listed).await?;
        rows.iter().map(Permission::read).collect()
    }

    /// One of the account's.
    pub(crate) async fn permission(
        &self,
        account: Address,
        hash: B256,
    ) -> Result<Option<Permission>, Problem> {
        let one = format!("SELECT {COLUMNS} FROM permissions WHERE account = $1 AND hash = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(one))
            .bind(account.to_string())
            .bind(hash.to_string())
            .fetch_optional(&self.db)
            .await?;
        row.as_ref().map(Permission::read).transpose()
    }

    /// Ends one of the account's; whether there was one that had not been ended.
    pub(crate) async fn revoke_permission(&self, account: Address, hash: B256) -> Result<bool, Problem> {
        let mut db = self.write().await?;
        let ended = sqlx::query(
            "UPDATE permissions SET revoked_at = $1 WHERE hash = $2 AND account = $3 AND revoked_at IS NULL",
        )
        .bind(self.now_i64())
        .bind(hash.to_string())
        .bind(account.to_string())
        .execute(&mut *db)
        .await?;
        // The gateway asks again whether the holder's tokens count. A row that another is about to add is waited for.
        sqlx::query(
            "INSERT INTO holdings (plan, holder, turn, purchases) \
             SELECT plan, account, 1, 0 FROM permissions WHERE account = $1 AND hash = $2 \
             ON CONFLICT (plan, holder) DO UPDATE SET turn = holdings.turn + 1",
        )
        .bind(account.to_string())
        .bind(hash.to_string())
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(ended.rows_affected() == 1)
    }

    /// What an access token says, if it was signed here.
    pub(crate) fn read_token(&self, text: &str) -> Result<AccessToken, Problem> {
        self.tokens.read(text).ok_or_else(|| {
            ProblemKind::INVALID_TOKEN
                .problem("this access token was not made by this server, or was changed")
                .hint("ask the subscriber for a new one")
        })
    }

    /// Makes sure that a token has not ended and was not revoked.
    pub(crate) async fn check_token(&self, token: &AccessToken) -> Result<(), Problem> {
        let says = token.authorization();
        if self.now() >= says.expires_at {
            return Err(ProblemKind::TOKEN_ENDED
                .problem(format!("this access token has ended at {}, in unix seconds", says.expires_at))
                .hint("ask the subscriber for a new one"));
        }
        let row = sqlx::query("SELECT 1 FROM permissions WHERE hash = $1 AND revoked_at IS NULL")
            .bind(says.hash.to_string())
            .fetch_optional(&self.db)
            .await?;
        row.map(|_| ()).ok_or_else(|| {
            ProblemKind::TOKEN_REVOKED
                .problem("this access token was revoked")
                .hint("ask the subscriber for a new one")
        })
    }
}
