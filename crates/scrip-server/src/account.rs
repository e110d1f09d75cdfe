//! Accounts, and the API keys with which they are used.

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use sqlx::Row;
use zeroize::Zeroizing;

use crate::{
    limit::Limits,
    paging::{Listed, Page},
    problem::{Problem, ProblemKind},
    scope::Scopes,
    state::State,
};

/// An API key, as it is listed: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    pub(crate) id: B256,
    pub(crate) account: Address,
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) limits: Limits,
    pub(crate) created_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) revoked_at: Option<u64>,
}

impl State {
    /// Makes an account with a key of its own, sealed.
    pub(crate) async fn create_account(&self, name: &str) -> Result<Address, Problem> {
        self.import_account(name, &PrivateKeySigner::random()).await
    }

    /// Takes an account over, with its key; one that is there stays as it is.
    pub(crate) async fn import_account(
        &self,
        name: &str,
        signer: &PrivateKeySigner,
    ) -> Result<Address, Problem> {
        let address = signer.address();
        let secret = Zeroizing::new(signer.to_bytes().0);
        let sealed =
            self.vault.seal(&sealed_for(address), &*secret).map_err(|error| Problem::internal(&error))?;
        sqlx::query(
            "INSERT INTO accounts (address, name, sealed_key, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (address) DO NOTHING",
        )
        .bind(address.to_string())
        .bind(name)
        .bind(sealed)
        .bind(self.now_i64())
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(address)
    }

    /// Signs as an account.
    pub(crate) async fn signer(&self, account: Address) -> Result<PrivateKeySigner, Problem> {
        let row = sqlx::query("SELECT sealed_key FROM accounts WHERE address = $1")
            .bind(account.to_string())
            .fetch_optional(&self.db)
            .await?;
        let sealed: Option<String> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        let sealed = sealed.ok_or_else(|| {
            ProblemKind::OWN_WALLET
                .problem(format!("{account} signs with a wallet of its own, and this server cannot"))
                .hint("sign and send it with that wallet")
        })?;
        let opened =
            self.vault.open(&sealed_for(account), &sealed).map_err(|error| Problem::internal(&error))?;
        PrivateKeySigner::from_slice(&opened).map_err(|error| Problem::internal(&error))
    }

    /// Makes an API key, which is shown this once. Times are unix seconds.
    pub(crate) async fn create_key(
        &self,
        account: Address,
        name: &str,
        scopes: Scopes,
        limits: Limits,
        expires_at: u64,
    ) -> Result<(KeyRecord, String), Problem> {
        let record = KeyRecord {
            id: rand::random::<[u8; 32]>().into(),
            account,
            name: name.to_owned(),
            scopes,
            limits,
            created_at: self.now(),
            expires_at,
            revoked_at: None,
        };
        let key = self
            .keys
            .sign(account, record.id, scopes, record.created_at, expires_at)
            .map_err(|error| Problem::internal(&error))?;
        sqlx::query(
            "INSERT INTO api_keys (id, account, name, scopes, created_at, expires_at, per_order_cents, per_day_cents) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(record.id.to_string())
        .bind(account.to_string())
        .bind(name)
        .bind(scopes.to_string())
        .bind(self.now_i64())
        .bind(as_i64(expires_at))
        .bind(limits.columns().0)
        .bind(limits.columns().1)
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok((record, key))
    }

    /// A page of the account's keys.
    pub(crate) async fn list_keys(
        &self,
        account: Address,
        page: Page<100>,
    ) -> Result<Vec<KeyRecord>, Problem> {
        let listed = Listed {
            columns: "id, name, scopes, created_at, expires_at, revoked_at, per_order_cents, per_day_cents",
            from: "api_keys WHERE account = $1",
            order: &format!("created_at {}, id", page.order),
            binds: &[account.to_string()],
        };
        let (_, rows) = self.page(page, listed).await?;
        rows.into_iter()
            .map(|row| {
                let (id, scopes): (String, String) = (row.try_get(0)?, row.try_get(2)?);
                Ok(KeyRecord {
                    id: id.parse().map_err(|error| Problem::internal(&error))?,
                    account,
                    name: row.try_get(1)?,
                    scopes: scopes.parse().map_err(|error| Problem::internal(&error))?,
                    limits: Limits::read(&row, 6)?,
                    created_at: as_u64(row.try_get(3)?),
                    expires_at: as_u64(row.try_get(4)?),
                    revoked_at: row.try_get::<Option<i64>, _>(5)?.map(as_u64),
                })
            })
            .collect()
    }

    /// Ends a key of an account; whether there was one that had not been ended.
    pub(crate) async fn revoke_key(&self, account: Address, id: B256) -> Result<bool, Problem> {
        let ended = sqlx::query(
            "UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND account = $3 AND revoked_at IS NULL",
        )
        .bind(self.now_i64())
        .bind(id.to_string())
        .bind(account.to_string())
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(ended.rows_affected() == 1)
    }

    /// Whether a key is one that was made here, and was not revoked.
    pub(crate) async fn is_live_key(&self, id: B256) -> Result<bool, Problem> {
        let row = sqlx::query("SELECT 1 FROM api_keys WHERE id = $1 AND revoked_at IS NULL")
            .bind(id.to_string())
            .fetch_optional(&self.db)
            .await?;
        Ok(row.is_some())
    }
}

fn sealed_for(account: Address) -> String {
    format!("account {account}")
}

/// Unix seconds as the database keeps them.
pub(crate) fn as_i64(seconds: u64) -> i64 {
    seconds.try_into().unwrap_or(i64::MAX)
}

/// Unix seconds as the database has kept them.
pub(crate) fn as_u64(seconds: i64) -> u64 {
    seconds.try_into().unwrap_or_default()
}
