-- The index: made of the chain's events, and made again from nothing when it is lost.

-- How far it has come: one row.
CREATE TABLE index_state (
    id             BIGINT NOT NULL PRIMARY KEY,
    -- The process that follows the chain.
    leader         TEXT,
    -- Rises with each leader, and when the index is emptied: nothing is written for an older one.
    term           BIGINT NOT NULL,
    -- Rises while the leader lives.
    beats          BIGINT NOT NULL,
    -- Where the history goes on, and up to which block all is here.
    cursor         TEXT,
    block          BIGINT,
    -- The same of the registry of services.
    services_block BIGINT,
    services_hash  TEXT
);
INSERT INTO index_state (id, term, beats) VALUES (1, 0, 0);

-- All that the contract said.
CREATE TABLE index_events (
    block  BIGINT NOT NULL,
    log    BIGINT NOT NULL,
    hash   TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    -- None of what is of no plan.
    plan   TEXT,
    record TEXT   NOT NULL,
    PRIMARY KEY (block, log)
);
CREATE INDEX index_events_of_plan ON index_events (plan, kind, block, log);

-- What of it is whose history. A batch of redemptions has a row for each part.
CREATE TABLE index_entries (
    block  BIGINT NOT NULL,
    log    BIGINT NOT NULL,
    part   BIGINT NOT NULL,
    plan   TEXT   NOT NULL,
    holder TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    PRIMARY KEY (block, log, part)
);
CREATE INDEX index_entries_of_holder ON index_entries (holder, block, log);
CREATE INDEX index_entries_of_plan ON index_entries (plan, holder, block, log);

-- Plans as their events leave them.
CREATE TABLE index_plans (
    plan  TEXT   NOT NULL PRIMARY KEY,
    owner TEXT   NOT NULL,
    open  BIGINT NOT NULL,
    terms TEXT   NOT NULL,
    -- Where it was created.
    block BIGINT NOT NULL,
    log   BIGINT NOT NULL,
    -- Whether it is here by this server's word, which made it, and not by the event yet.
    fresh BIGINT NOT NULL
);
CREATE INDEX index_plans_of_owner ON index_plans (owner, block, log);

-- Who may do something for a plan, beside its owner.
CREATE TABLE index_operators (
    plan     TEXT   NOT NULL,
    operator TEXT   NOT NULL,
    PRIMARY KEY (plan, operator)
);

-- What the registry of services said; without a block's hash by this server's word.
CREATE TABLE index_services (
    block   BIGINT NOT NULL,
    log     BIGINT NOT NULL,
    hash    TEXT   NOT NULL,
    agent   TEXT   NOT NULL,
    -- owned, linked or unlinked
    kind    TEXT   NOT NULL,
    -- The owner, or the plan.
    subject TEXT   NOT NULL,
    PRIMARY KEY (block, log, agent, subject)
);
CREATE INDEX index_services_of_agent ON index_services (agent, block, log);

-- Agents as these leave them.
CREATE TABLE index_agents (
    agent TEXT   NOT NULL PRIMARY KEY,
    owner TEXT   NOT NULL,
    -- Where it was created.
    block BIGINT NOT NULL,
    log   BIGINT NOT NULL
);
CREATE INDEX index_agents_of_owner ON index_agents (owner, block, log);

CREATE TABLE index_links (
    agent TEXT   NOT NULL,
    plan  TEXT   NOT NULL,
    PRIMARY KEY (agent, plan)
);
CREATE INDEX index_links_of_plan ON index_links (plan);

-- Who has ordered a plan by this server's word, and not by the event yet.
CREATE TABLE index_orders (
    plan   TEXT   NOT NULL,
    holder TEXT   NOT NULL,
    block  BIGINT NOT NULL,
    PRIMARY KEY (plan, holder)
);
