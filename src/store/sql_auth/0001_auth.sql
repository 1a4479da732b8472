-- People, clients and what they were granted. Times are ms UTC; 0 means never. Of secrets there are only
-- SHA-256 hashes in hex, of passwords argon2id ones. Lists (scopes, spaces, URIs) are words separated by
-- one blank.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is derived with a key, and the key stays here: 'derive'.
CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE client (
    id TEXT PRIMARY KEY,
    origin TEXT NOT NULL, -- 'registered' by itself, by an 'owner', read from a 'document', or 'imported'
    name TEXT NOT NULL,
    method TEXT NOT NULL, -- token_endpoint_auth_method
    secret_hash TEXT NOT NULL,
    registration_hash TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    grant_types TEXT NOT NULL,
    scopes TEXT NOT NULL, -- at most these; empty: any
    spaces TEXT NOT NULL, -- of a client that acts for itself
    metadata TEXT NOT NULL, -- what it registered, as JSON
    peer TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    fresh_until_ms INTEGER NOT NULL -- a document is read again after that
) STRICT, WITHOUT ROWID;

CREATE INDEX client_by_time ON client (origin, created_ms);

CREATE TABLE account (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    role INTEGER NOT NULL, -- 0 reader, 1 member, 2 owner
    spaces TEXT NOT NULL,  -- '*' among them: all
    is_disabled INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE link (
    hash TEXT PRIMARY KEY,
    kind INTEGER NOT NULL, -- 0 makes an account, 1 sets a password
    role INTEGER NOT NULL,
    spaces TEXT NOT NULL,
    account TEXT REFERENCES account (name) ON DELETE CASCADE, -- of kind 1
    made_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX link_by_account ON link (account);

CREATE TABLE session (
    hash TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_account ON session (account);

-- Failed log-ins by account ('a:' and name) and address ('p:' and address).
CREATE TABLE attempt (
    what TEXT PRIMARY KEY,
    n INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Used ones stay for a while, so that a second use is known for what it is.
CREATE TABLE code (
    hash TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    resource TEXT NOT NULL,
    scopes TEXT NOT NULL,
    spaces TEXT NOT NULL,
    family TEXT NOT NULL, -- which it founds
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX code_by_client ON code (client);
CREATE INDEX code_by_account ON code (account);

-- What a person once allowed a client: all tokens that came of it.
CREATE TABLE family (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    account TEXT REFERENCES account (name) ON DELETE CASCADE, -- NULL: the client acts for itself
    scopes TEXT NOT NULL,
    spaces TEXT NOT NULL,
    resource TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL, -- however much it is used
    revoked_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX family_by_client ON family (client);
CREATE INDEX family_by_account ON family (account);

CREATE TABLE access_token (
    jti TEXT PRIMARY KEY,
    family TEXT NOT NULL REFERENCES family (id) ON DELETE CASCADE,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX access_token_by_family ON access_token (family);
CREATE INDEX access_token_by_expiry ON access_token (expires_ms);

CREATE TABLE refresh_token (
    hash TEXT PRIMARY KEY,
    family TEXT NOT NULL REFERENCES family (id) ON DELETE CASCADE,
    parent TEXT NOT NULL, -- the hash of the one before; empty: the first
    expires_ms INTEGER NOT NULL,
    rotated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_token_by_family ON refresh_token (family);

CREATE TABLE consent (
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    client TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    scopes TEXT NOT NULL,
    spaces TEXT NOT NULL,
    resource TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (account, client)
) STRICT, WITHOUT ROWID;

CREATE INDEX consent_by_client ON consent (client);

CREATE TABLE api_key (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    spaces TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_by_account ON api_key (account);

CREATE TABLE signing_key (
    kid TEXT PRIMARY KEY,
    pem TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    retired_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL -- tokens of a retired key are good until then
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    peer TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_is_never_updated BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit is append-only');
END;

-- Counts what may make a credential worth less than it was. Whoever remembers a checked one looks here
-- before trusting it again.
CREATE TABLE validity (
    n INTEGER NOT NULL
) STRICT;

INSERT INTO validity (n) VALUES (1);

CREATE TRIGGER family_is_revoked AFTER UPDATE OF revoked_ms ON family
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER family_is_deleted AFTER DELETE ON family
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER access_token_is_revoked AFTER UPDATE OF revoked_ms ON access_token
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER account_is_changed AFTER UPDATE OF role, spaces, is_disabled ON account
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER account_is_deleted AFTER DELETE ON account
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER api_key_is_changed AFTER UPDATE OF hash, account, scopes, spaces, expires_ms ON api_key
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER api_key_is_deleted AFTER DELETE ON api_key
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER signing_key_is_added AFTER INSERT ON signing_key
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER signing_key_is_changed AFTER UPDATE ON signing_key
BEGIN UPDATE validity SET n = n + 1; END;
CREATE TRIGGER signing_key_is_deleted AFTER DELETE ON signing_key
BEGIN UPDATE validity SET n = n + 1; END;
