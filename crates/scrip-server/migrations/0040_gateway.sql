-- What of a holder's credits the gateway keeps: for requests under way, and for what was served and is not redeemed yet.
ALTER TABLE holdings ADD COLUMN gateway_held BIGINT NOT NULL DEFAULT 0;
ALTER TABLE holdings ADD COLUMN gateway_owed BIGINT NOT NULL DEFAULT 0;

-- Requests that the gateway has let in.
CREATE TABLE gateway_requests (
    -- Begins with the time, so that what is new stands together.
    id          TEXT   NOT NULL PRIMARY KEY,
    service     TEXT   NOT NULL,
    plan        TEXT   NOT NULL,
    holder      TEXT   NOT NULL,
    -- Who redeems it.
    redeemer    TEXT   NOT NULL,
    -- The access token's hash, and whether it may be used once.
    token       TEXT   NOT NULL,
    single_use  BIGINT NOT NULL,
    -- The credits held; 0 on a time plan.
    held        BIGINT NOT NULL,
    -- The credits for what was delivered so far.
    used        BIGINT NOT NULL,
    -- held, released, owed, redeemed, unpaid, or served, of which nothing is taken
    status      TEXT   NOT NULL,
    -- The process that serves it.
    instance    TEXT   NOT NULL,
    -- A hash of the caller's own idempotency key and of what is asked with it.
    request_key TEXT   UNIQUE,
    digest      TEXT,
    -- The batch in which it is redeemed, its number there and on the chain.
    batch       TEXT,
    number      BIGINT,
    created_at  BIGINT NOT NULL,
    settled_at  BIGINT
);
CREATE INDEX gateway_requests_held ON gateway_requests (instance) WHERE status = 'held';
CREATE INDEX gateway_requests_owed ON gateway_requests (plan, redeemer, settled_at) WHERE status = 'owed' AND batch IS NULL;
CREATE INDEX gateway_requests_owed_by ON gateway_requests (plan, holder) WHERE status = 'owed' AND batch IS NULL;
CREATE INDEX gateway_requests_of_batch ON gateway_requests (batch, number) WHERE batch IS NOT NULL;
CREATE INDEX gateway_requests_single ON gateway_requests (token) WHERE single_use = 1;

-- What was answered to a request with an idempotency key, for a day.
CREATE TABLE gateway_answers (
    request    TEXT   NOT NULL PRIMARY KEY,
    status     BIGINT NOT NULL,
    headers    TEXT   NOT NULL,
    -- In base64.
    body       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX gateway_answers_created ON gateway_answers (created_at);

-- What is redeemed in one transaction. Its requests and their numbers do not change once it is begun; what is refused is taken out
-- for the next attempt.
CREATE TABLE gateway_batches (
    id         TEXT   NOT NULL PRIMARY KEY,
    plan       TEXT   NOT NULL,
    redeemer   TEXT   NOT NULL,
    -- What is added to a request's number for its id on the chain.
    base       TEXT   NOT NULL,
    -- open or done
    status     TEXT   NOT NULL,
    attempts   BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX gateway_batches_open ON gateway_batches (status) WHERE status = 'open';

-- Which numbers are next for a plan and a redeemer.
CREATE TABLE gateway_numbers (
    plan     TEXT   NOT NULL,
    redeemer TEXT   NOT NULL,
    base     TEXT   NOT NULL,
    next     BIGINT NOT NULL,
    PRIMARY KEY (plan, redeemer)
);

-- What a batch has taken from a holder, and in which block: who looks at the chain as of an earlier one counts it still.
CREATE TABLE gateway_redeemed (
    plan    TEXT   NOT NULL,
    holder  TEXT   NOT NULL,
    batch   TEXT   NOT NULL,
    attempt BIGINT NOT NULL,
    block   BIGINT NOT NULL,
    credits BIGINT NOT NULL,
    PRIMARY KEY (plan, holder, batch, attempt)
);
CREATE INDEX gateway_redeemed_after ON gateway_redeemed (plan, holder, block);
