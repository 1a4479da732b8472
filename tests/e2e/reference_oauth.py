"""reference_oauth.py - an OAuth database as the Python service leaves it, with secrets in the clear.

SPDX-License-Identifier: Apache-2.0
"""
import json
import secrets
import sqlite3
import time

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE oauth_clients (
    client_id TEXT PRIMARY KEY, client_secret TEXT NOT NULL, client_name TEXT,
    redirect_uris TEXT NOT NULL, response_types TEXT NOT NULL, grant_types TEXT NOT NULL,
    scope TEXT, token_endpoint_auth_method TEXT, created_at REAL NOT NULL, metadata TEXT);
CREATE TABLE oauth_authorization_codes (
    code TEXT PRIMARY KEY, client_id TEXT NOT NULL, redirect_uri TEXT, scope TEXT,
    expires_at REAL NOT NULL, consumed INTEGER NOT NULL DEFAULT 0, created_at REAL NOT NULL,
    code_challenge TEXT, code_challenge_method TEXT,
    FOREIGN KEY (client_id) REFERENCES oauth_clients (client_id) ON DELETE CASCADE);
CREATE TABLE oauth_access_tokens (
    token TEXT PRIMARY KEY, client_id TEXT NOT NULL, scope TEXT, expires_at REAL NOT NULL,
    created_at REAL NOT NULL,
    FOREIGN KEY (client_id) REFERENCES oauth_clients (client_id) ON DELETE CASCADE);
CREATE TABLE oauth_refresh_tokens (
    token TEXT PRIMARY KEY, client_id TEXT NOT NULL, scope TEXT, expires_at REAL NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0, parent_token TEXT, created_at REAL NOT NULL,
    FOREIGN KEY (client_id) REFERENCES oauth_clients (client_id) ON DELETE CASCADE);
CREATE INDEX idx_auth_codes_expires ON oauth_authorization_codes (expires_at);
CREATE INDEX idx_auth_codes_consumed ON oauth_authorization_codes (consumed);
CREATE INDEX idx_access_tokens_expires ON oauth_access_tokens (expires_at);
CREATE INDEX idx_access_tokens_client ON oauth_access_tokens (client_id);
CREATE INDEX idx_refresh_tokens_expires ON oauth_refresh_tokens (expires_at);
CREATE INDEX idx_refresh_tokens_client ON oauth_refresh_tokens (client_id);
CREATE INDEX idx_refresh_tokens_parent ON oauth_refresh_tokens (parent_token);
"""


class OldDatabase:
    """Stays open until close(): what was written last is in its log alone, as with a service that was killed."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(SCHEMA)

    def add_client(self, redirect, method="client_secret_basic", name="Old connector"):
        """Its id and secret; with a live refresh token, the one before it, and an access token."""
        now = time.time()
        client = {"id": "mcp_client_" + secrets.token_urlsafe(16), "secret": secrets.token_urlsafe(32),
                  "used": secrets.token_urlsafe(48), "refresh": secrets.token_urlsafe(48),
                  "access": "header." + secrets.token_urlsafe(200) + ".signature"}
        self.db.execute("INSERT INTO oauth_clients VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, NULL)", (
            client["id"], client["secret"], name, json.dumps([redirect]), '["code"]',
            '["authorization_code"]', method, now - 40 * 86400))
        for token, parent, revoked in ((client["used"], None, 1), (client["refresh"], client["used"], 0)):
            self.db.execute("INSERT INTO oauth_refresh_tokens VALUES (?, ?, ?, ?, ?, ?, ?)", (
                token, client["id"], "read write offline_access", now + 30 * 86400, revoked, parent, now))
        self.db.execute("INSERT INTO oauth_access_tokens VALUES (?, ?, ?, ?, ?)", (
            client["access"], client["id"], "read write offline_access", now + 3600, now))
        return client

    def close(self):
        self.db.close()
