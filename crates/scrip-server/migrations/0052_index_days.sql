-- What happened to a plan's credits, summed by the day: made with the index, in the same transactions. The sums are decimal numbers
-- of any size.
CREATE TABLE index_days (
    plan     TEXT   NOT NULL,
    -- Since 1970, in UTC.
    day      BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    -- How often.
    count    BIGINT NOT NULL,
    quantity TEXT   NOT NULL,
    credits  TEXT   NOT NULL,
    -- In base units of the plan's token, what is paid to its payees: without the protocol's fee.
    paid     TEXT   NOT NULL,
    PRIMARY KEY (plan, day, kind)
);

-- What is in the index already has no sums: it is made anew from the chain.
UPDATE index_state SET leader = NULL, term = term + 1, cursor = NULL, block = NULL, services_block = NULL, services_hash = NULL
    WHERE id = 1;
DELETE FROM index_events;
DELETE FROM index_entries;
DELETE FROM index_plans;
DELETE FROM index_operators;
DELETE FROM index_services;
DELETE FROM index_agents;
DELETE FROM index_links;
DELETE FROM index_orders;
