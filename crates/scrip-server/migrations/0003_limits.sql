-- What may be spent, in cents of a dollar or a euro; as much as there is without.
ALTER TABLE accounts ADD COLUMN per_order_cents BIGINT;
ALTER TABLE accounts ADD COLUMN per_day_cents BIGINT;
ALTER TABLE api_keys ADD COLUMN per_order_cents BIGINT;
ALTER TABLE api_keys ADD COLUMN per_day_cents BIGINT;

-- What an operation spends of that, and by which API key.
ALTER TABLE operations ADD COLUMN cents BIGINT;
ALTER TABLE operations ADD COLUMN api_key TEXT;
CREATE INDEX operations_charged ON operations (account, created_at);
