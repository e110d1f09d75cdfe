-- What the gateway has let in and ended was a row for each request, written three times. Now it is a log, of which many requests have
-- one row, until it is in a batch.

-- What of `gateway_owed` is in a batch.
ALTER TABLE holdings ADD COLUMN gateway_cut BIGINT NOT NULL DEFAULT 0;

-- What a process has let in, and what has ended, in its order. The numbers of its rows have no gaps: whoever takes a log over from a
-- process that is gone ends it with a row, and should that process live after all, its next row has a number that is taken.
CREATE TABLE gateway_log (
    instance TEXT   NOT NULL,
    number   BIGINT NOT NULL,
    -- As JSON; empty where it ends.
    entries  TEXT   NOT NULL,
    PRIMARY KEY (instance, number)
);

-- What callers have called their requests.
CREATE TABLE gateway_keys (
    -- A hash of whose it is and the name, and one of what is asked under it.
    name     TEXT   NOT NULL PRIMARY KEY,
    digest   TEXT   NOT NULL,
    request  TEXT   NOT NULL,
    -- None while it is under way.
    ended_at BIGINT,
    -- What was answered, the body in base64; for a day, and nothing of what is long.
    status   BIGINT,
    headers  TEXT,
    body     TEXT
);
CREATE INDEX gateway_keys_kept ON gateway_keys (ended_at) WHERE body IS NOT NULL;

-- Access tokens for one use.
CREATE TABLE gateway_tokens (
    hash    TEXT   NOT NULL PRIMARY KEY,
    request TEXT   NOT NULL,
    -- Whether it was used; it is in use before.
    is_used BIGINT NOT NULL
);

-- What was served and could not be redeemed.
CREATE TABLE gateway_unpaid (
    id       TEXT   NOT NULL PRIMARY KEY,
    plan     TEXT   NOT NULL,
    holder   TEXT   NOT NULL,
    redeemer TEXT   NOT NULL,
    -- In which session it was to be, where the plan requires vouchers: it is owed again with the holder's next request.
    session  TEXT,
    credits  BIGINT NOT NULL,
    found_at BIGINT NOT NULL
);
CREATE INDEX gateway_unpaid_of ON gateway_unpaid (plan, holder, redeemer);

-- When somebody has waited last until what of a plan was served is redeemed.
CREATE TABLE gateway_awaited (
    plan     TEXT   NOT NULL PRIMARY KEY,
    asked_at BIGINT NOT NULL
);

-- The requests of a batch, as JSON, and how many of them are redeemed.
ALTER TABLE gateway_batches ADD COLUMN items TEXT NOT NULL DEFAULT '[]';
ALTER TABLE gateway_batches ADD COLUMN redeemed BIGINT NOT NULL DEFAULT 0;

-- What was not redeemed before this table was made is given up, as nothing was released with the former ones.
INSERT INTO gateway_keys (name, digest, request, ended_at, status, headers, body)
    SELECT r.request_key, r.digest, r.id, r.settled_at, a.status, a.headers, a.body
    FROM gateway_requests r LEFT JOIN gateway_answers a ON a.request = r.id WHERE r.request_key IS NOT NULL AND r.status <> 'held';
INSERT INTO gateway_tokens (hash, request, is_used)
    SELECT token, MAX(id), 1 FROM gateway_requests WHERE single_use = 1 AND status NOT IN ('held', 'released') GROUP BY token;
INSERT INTO gateway_unpaid (id, plan, holder, redeemer, session, credits, found_at)
    SELECT id, plan, holder, redeemer, session, used, settled_at FROM gateway_requests WHERE status = 'unpaid';
UPDATE gateway_sessions SET counted = counted - CAST(COALESCE((
    SELECT SUM(CASE WHEN r.status = 'held' THEN r.held ELSE r.used END) FROM gateway_requests r
    WHERE r.status IN ('held', 'owed') AND r.plan = gateway_sessions.plan AND r.holder = gateway_sessions.holder
      AND r.redeemer = gateway_sessions.redeemer AND r.session = gateway_sessions.session), 0) AS BIGINT);
UPDATE holdings SET gateway_held = 0, gateway_owed = 0;
UPDATE gateway_batches SET status = 'done';
DROP TABLE gateway_answers;
DROP TABLE gateway_requests;
