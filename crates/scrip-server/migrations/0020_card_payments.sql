-- The accounts of sellers at Stripe, to which their sales go.
CREATE TABLE card_accounts (
    account        TEXT   NOT NULL PRIMARY KEY REFERENCES accounts (address),
    stripe_account TEXT   NOT NULL,
    created_at     BIGINT NOT NULL
);

-- Payments by card, each with a checkout session of Stripe's; the session's id is the payment's id on the chain.
CREATE TABLE card_payments (
    -- The session's client reference.
    id          TEXT   NOT NULL PRIMARY KEY,
    -- None until Stripe's answer is kept.
    session     TEXT   UNIQUE,
    -- Stripe's payment intent, once there is one.
    intent      TEXT,
    plan        TEXT   NOT NULL,
    buyer       TEXT   NOT NULL REFERENCES accounts (address),
    -- The plan's owner when it was ordered.
    seller      TEXT   NOT NULL REFERENCES accounts (address),
    -- What the session was opened with, the same however often that is tried.
    opening     TEXT   NOT NULL,
    -- The buyer's own idempotency key.
    request_key TEXT,
    digest      TEXT   NOT NULL,
    url         TEXT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    -- What Stripe has told of it last.
    told        TEXT,
    -- When it was first seen to be paid.
    paid_at     BIGINT,
    -- What the chain had of it last.
    settlement  TEXT,
    -- Writes to the chain and to Stripe are numbered; the one under way.
    step        BIGINT NOT NULL,
    doing       TEXT,
    -- Whether the money goes back, for the credits could not be given; Stripe's refund, once it has made one.
    gives_back  BIGINT NOT NULL,
    refund      TEXT,
    -- Whether credits were given again, after a dispute that was won.
    given_again BIGINT NOT NULL,
    -- Why it does not go on, and how often it has been tried.
    trouble     TEXT,
    tries       BIGINT NOT NULL,
    -- How often Stripe has told of it, and when it is to be looked at; none when nothing is to be done.
    news        BIGINT NOT NULL,
    due_at      BIGINT,
    -- Until when one process looks at it alone.
    leased      BIGINT NOT NULL,
    UNIQUE (buyer, request_key)
);
CREATE INDEX card_payments_due ON card_payments (due_at);
CREATE INDEX card_payments_intent ON card_payments (intent);
CREATE INDEX card_payments_of_buyer ON card_payments (buyer, created_at);
CREATE INDEX card_payments_of_seller ON card_payments (seller, created_at);

-- Events that Stripe has delivered, each taken down once.
CREATE TABLE card_events (
    id          TEXT   NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX card_events_received ON card_events (received_at);
