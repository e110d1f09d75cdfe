-- One text for SQLite and Postgres: TEXT and BIGINT only. Times are unix seconds; addresses are checksummed; ids are hex.

CREATE TABLE accounts (
    address    TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    -- None of an account that signs with a wallet of its own.
    sealed_key TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES accounts (address),
    name       TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX api_keys_of_account ON api_keys (account, created_at);

-- What plans say of themselves beyond their terms, which are on the chain.
CREATE TABLE plan_pages (
    plan       TEXT   NOT NULL PRIMARY KEY,
    creator    TEXT   NOT NULL,
    metadata   TEXT   NOT NULL,
    org_id     TEXT,
    created_at BIGINT NOT NULL
);

-- The processes that share this database, while they go on saying that they are there.
CREATE TABLE instances (
    id    TEXT   NOT NULL PRIMARY KEY,
    beats BIGINT NOT NULL
);

-- What was asked of the chain, each done once: the id is its key in the journal.
CREATE TABLE operations (
    id          TEXT   NOT NULL PRIMARY KEY,
    account     TEXT   NOT NULL REFERENCES accounts (address),
    -- The caller's own idempotency key.
    request_key TEXT,
    digest      TEXT   NOT NULL,
    work        TEXT   NOT NULL,
    -- open, done or failed
    status      TEXT   NOT NULL,
    outcome     TEXT,
    -- The instance that does it.
    worker      TEXT   NOT NULL,
    -- The instance where its caller waits, and whether a caller was answered.
    waiter      TEXT,
    heard       BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (account, request_key)
);
CREATE INDEX operations_open ON operations (status, worker);
CREATE INDEX operations_unheard ON operations (account, digest, heard);
