-- What accounts let be bought for them, when a token needs more credits than there are.
CREATE TABLE delegations (
    id               TEXT   NOT NULL PRIMARY KEY,
    account          TEXT   NOT NULL REFERENCES accounts (address),
    plan             TEXT,
    currency         TEXT   NOT NULL,
    limit_cents      BIGINT NOT NULL,
    spent_cents      BIGINT NOT NULL,
    transactions     BIGINT NOT NULL,
    max_transactions BIGINT,
    duration         BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    revoked_at       BIGINT
);
CREATE INDEX delegations_of_account ON delegations (account, created_at);

-- What was counted, once for each operation.
CREATE TABLE delegation_spends (
    operation  TEXT   NOT NULL PRIMARY KEY,
    delegation TEXT   NOT NULL REFERENCES delegations (id),
    cents      BIGINT NOT NULL
);
