-- Access tokens, as they are listed and revoked; the tokens themselves are not kept.
CREATE TABLE permissions (
    hash       TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES accounts (address),
    plan       TEXT   NOT NULL,
    agent      TEXT,
    delegation TEXT,
    single_use BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX permissions_of_account ON permissions (account, created_at);

-- A row for each holder of a plan, by which those who reserve its credits wait for each other.
CREATE TABLE holdings (
    plan      TEXT   NOT NULL,
    holder    TEXT   NOT NULL,
    turn      BIGINT NOT NULL,
    -- How often was bought under a delegation: what runs at the same time buys once.
    purchases BIGINT NOT NULL,
    PRIMARY KEY (plan, holder)
);

-- Reservations.
CREATE TABLE holds (
    plan       TEXT   NOT NULL,
    holder     TEXT   NOT NULL,
    request    TEXT   NOT NULL,
    -- Under which access token; none otherwise.
    token      TEXT,
    -- The credits reserved, or taken; 0 on a time plan.
    amount     BIGINT NOT NULL,
    -- held, capturing or settled
    status     TEXT   NOT NULL,
    -- Who takes them, and how often that was refused.
    redeemer   TEXT,
    attempts   BIGINT NOT NULL,
    -- Which settlement without an id has taken it.
    claimed_by TEXT,
    -- The block in which they were taken.
    block      BIGINT,
    receipt    TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (plan, holder, request)
);
CREATE INDEX holds_live ON holds (plan, holder, status, expires_at);
CREATE INDEX holds_taken ON holds (plan, holder, block);
CREATE INDEX holds_of_token ON holds (token, status, created_at);

-- The credits that operations under way take from a holder otherwise.
ALTER TABLE operations ADD COLUMN spends_plan TEXT;
ALTER TABLE operations ADD COLUMN spends_holder TEXT;
ALTER TABLE operations ADD COLUMN spends BIGINT;
ALTER TABLE operations ADD COLUMN block BIGINT;
CREATE INDEX operations_spending ON operations (spends_plan, spends_holder, status);
CREATE INDEX operations_spent ON operations (spends_plan, spends_holder, block);
