-- Who an account is to a provider of log-ins (OpenID Connect): its issuer and its name for the person there.
CREATE TABLE identity (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_by_account ON identity (account);

-- Browsers that were sent to a provider and are not back yet. The hash is of what a cookie holds.
CREATE TABLE visit (
    hash TEXT PRIMARY KEY,
    query TEXT NOT NULL, -- of the authorization request to go on with; empty: none
    link TEXT NOT NULL, -- the hash of a one-time link that is used up by it; empty: none
    name TEXT NOT NULL, -- of the account that the link then makes
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX visit_by_expiry ON visit (expires_ms);
