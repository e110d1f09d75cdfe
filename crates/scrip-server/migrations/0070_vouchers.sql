-- The sessions in which holders let services redeem by vouchers, and what is counted in each.
CREATE TABLE gateway_sessions (
    plan         TEXT   NOT NULL,
    holder       TEXT   NOT NULL,
    redeemer     TEXT   NOT NULL,
    -- Its number, in decimal digits.
    session      TEXT   NOT NULL,
    -- The newest voucher of it, signed, as JSON; how many credits it lets be taken in the session in all, and its last second.
    voucher      TEXT   NOT NULL,
    maximum      BIGINT NOT NULL,
    deadline     BIGINT NOT NULL,
    -- The credits that are held, owed or redeemed in the session.
    counted      BIGINT NOT NULL,
    -- Whether something could not be redeemed with it: it is looked at again before it counts.
    doubted      BIGINT NOT NULL,
    collected_at BIGINT NOT NULL,
    PRIMARY KEY (plan, holder, redeemer, session)
);

-- In which session it is redeemed, where the plan requires vouchers.
ALTER TABLE gateway_requests ADD COLUMN session TEXT;
CREATE INDEX gateway_requests_unpaid ON gateway_requests (plan, holder, redeemer) WHERE status = 'unpaid' AND session IS NOT NULL;

-- With which vouchers a batch is redeemed in this attempt, as JSON.
ALTER TABLE gateway_batches ADD COLUMN vouchers TEXT;
