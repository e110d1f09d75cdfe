-- The pages that show a service's widget and are told its tokens, by their origins as browsers write them.
CREATE TABLE widget_origins (
    agent  TEXT NOT NULL,
    origin TEXT NOT NULL,
    -- Who said so: it counts while the service is this account's.
    owner  TEXT NOT NULL,
    PRIMARY KEY (agent, origin)
);

-- What a window where somebody has logged in hands to the widget that opened it, once, within a minute.
CREATE TABLE widget_grants (
    -- A hash of what is handed on.
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES accounts (address),
    agent      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Who is logged in in a service's widget: it is made access tokens of that service, and nothing else.
CREATE TABLE widget_sessions (
    -- A hash of the session's token.
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES accounts (address),
    agent      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX widget_sessions_of_account ON widget_sessions (account, created_at);
