-- What a search without filters finds, so that asking whether a row is among it reads no memory.
CREATE INDEX memory_current ON memory (space) WHERE deleted_ms = 0 AND superseded_by = '';

-- Two parts of the word index of about one size are merged when there is time for it.
INSERT INTO memory_fts (memory_fts, rank) VALUES ('usermerge', 2);
