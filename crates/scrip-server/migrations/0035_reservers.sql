-- Who has reserved it: what others have reserved, its holder does not settle.
ALTER TABLE holds ADD COLUMN reserver TEXT;
CREATE INDEX holds_ended ON holds (status, expires_at);

-- Nonces are kept once they are used, until they have ended.
CREATE INDEX sign_ins_ended ON sign_ins (expires_at);
