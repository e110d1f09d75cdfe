-- What agents, the services of the chain, say of themselves beyond the plans that open them.
CREATE TABLE agent_pages (
    -- The service's id.
    agent      TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    metadata   TEXT   NOT NULL,
    -- What of the API all may see.
    api        TEXT   NOT NULL,
    -- What the builder's own server wants to be shown, sealed.
    secret     TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
