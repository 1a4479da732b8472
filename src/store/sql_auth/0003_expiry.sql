-- What has expired is looked for every few minutes, while whoever logs in waits.
CREATE INDEX refresh_token_by_expiry ON refresh_token (expires_ms);
