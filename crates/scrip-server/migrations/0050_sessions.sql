-- Who has logged in with a browser.
CREATE TABLE sessions (
    -- A hash of the token, which only the browser has.
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES accounts (address),
    -- wallet, email or dev
    way        TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_account ON sessions (account, created_at);

-- The managed account of an e-mail address, one for each.
CREATE TABLE email_accounts (
    email      TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL UNIQUE REFERENCES accounts (address),
    created_at BIGINT NOT NULL
);

-- Codes that were sent by e-mail. They are kept as hashes, each with the tries that were made of it.
CREATE TABLE email_codes (
    id         TEXT   NOT NULL PRIMARY KEY,
    email      TEXT   NOT NULL,
    hash       TEXT   NOT NULL,
    tries      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- How many were asked for an address since when.
CREATE TABLE email_quotas (
    email TEXT   NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL,
    asked BIGINT NOT NULL
);
