-- A batch of redemptions had a row for each part, often a thousand: now it has one for each holder.
DROP TABLE index_entries;

-- What of all that the contract said is whose history.
CREATE TABLE index_entries (
    block  BIGINT NOT NULL,
    log    BIGINT NOT NULL,
    plan   TEXT   NOT NULL,
    holder TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    -- How many lines of the holder's history it is: of a batch one for each of its redemptions.
    lines  BIGINT NOT NULL,
    PRIMARY KEY (block, log, holder)
);
CREATE INDEX index_entries_of_holder ON index_entries (holder, block, log);
CREATE INDEX index_entries_of_plan ON index_entries (plan, holder, block, log);

-- The index is made anew from the chain.
UPDATE index_state SET leader = NULL, term = term + 1, cursor = NULL, block = NULL, services_block = NULL, services_hash = NULL
    WHERE id = 1;
DELETE FROM index_events;
DELETE FROM index_plans;
DELETE FROM index_operators;
DELETE FROM index_services;
DELETE FROM index_agents;
DELETE FROM index_links;
DELETE FROM index_orders;
DELETE FROM index_days;
