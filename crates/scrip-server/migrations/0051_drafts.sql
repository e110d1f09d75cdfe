-- Forms of several pages, until what they describe is made. Sealed: they hold what services want to be shown.
CREATE TABLE drafts (
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES accounts (address),
    sealed     TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX drafts_of_account ON drafts (account, created_at);

-- Cover images of services.
CREATE TABLE covers (
    -- A hash of the image.
    id         TEXT   NOT NULL PRIMARY KEY,
    -- Who has sent it first.
    account    TEXT   NOT NULL REFERENCES accounts (address),
    kind       TEXT   NOT NULL,
    -- In base64.
    image      TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX covers_of_account ON covers (account, created_at);
