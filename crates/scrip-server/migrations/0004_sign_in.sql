-- What wallets are asked to sign, each once, to log in.
CREATE TABLE sign_ins (
    nonce      TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
