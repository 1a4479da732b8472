-- The first schema. docs/storage.md explains each table. Times are ms UTC; 0 means never.

-- Facts about the file itself: 'written_by', the version of memoryd that last changed the schema.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memory (
    row INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: the vector index and the log keep it
    space TEXT NOT NULL,
    hash TEXT NOT NULL,
    content TEXT NOT NULL,
    type TEXT NOT NULL DEFAULT '',
    metadata TEXT NOT NULL DEFAULT '{}',
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    accessed_ms INTEGER NOT NULL DEFAULT 0,
    deleted_ms INTEGER NOT NULL DEFAULT 0,
    n_accesses INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 1,
    parent TEXT NOT NULL DEFAULT '',
    superseded_by TEXT NOT NULL DEFAULT '',
    quality REAL NOT NULL DEFAULT -1,
    confidence REAL NOT NULL DEFAULT 1,
    UNIQUE (space, hash)
) STRICT;

CREATE INDEX memory_by_time ON memory (space, created_ms DESC, row DESC) WHERE deleted_ms = 0;
CREATE INDEX memory_by_type ON memory (space, type) WHERE deleted_ms = 0;
CREATE INDEX memory_in_trash ON memory (space, deleted_ms) WHERE deleted_ms > 0;

-- Tags match whole and bytewise; they are normalised before they come here.
CREATE TABLE memory_tag (
    row INTEGER NOT NULL REFERENCES memory (row) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    space TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (row, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX memory_tag_by_tag ON memory_tag (space, tag, row);

-- What the full-text index holds: live memories. A row has to be live when it is put into the index
-- and still be live, with the same text and tags, when it is taken out.
CREATE VIEW memory_text AS
SELECT m.row AS row,
       m.content AS content,
       coalesce((SELECT group_concat(tag, ' ')
                 FROM (SELECT tag FROM memory_tag t WHERE t.row = m.row ORDER BY position)),
                '') AS tags
FROM memory m
WHERE m.deleted_ms = 0;

-- An external-content table: it keeps no copy of the text.
CREATE VIRTUAL TABLE memory_fts USING fts5 (
    content, tags,
    content = 'memory_text', content_rowid = 'row',
    tokenize = 'porter unicode61 remove_diacritics 2'
);

-- One row per memory and model: n_parts vectors of dim floats, little-endian, one after the other.
CREATE TABLE vector (
    row INTEGER NOT NULL REFERENCES memory (row) ON DELETE CASCADE,
    model TEXT NOT NULL,
    dim INTEGER NOT NULL,
    n_parts INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (row, model)
) STRICT;

-- Everything that ever happened. Only ever appended to.
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    space TEXT NOT NULL,
    row INTEGER NOT NULL,
    hash TEXT NOT NULL,
    op TEXT NOT NULL,
    revision INTEGER NOT NULL,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX change_by_space ON change (space, seq);
CREATE INDEX change_by_hash ON change (space, hash, seq);

-- A REPLACE would remove a row without firing the trigger for deletes.
CREATE TRIGGER change_is_never_replaced BEFORE INSERT ON change
WHEN EXISTS (SELECT 1 FROM change WHERE seq = new.seq)
BEGIN
    SELECT raise(ABORT, 'the change log is append-only');
END;

CREATE TRIGGER change_is_never_updated BEFORE UPDATE ON change
BEGIN
    SELECT raise(ABORT, 'the change log is append-only');
END;

CREATE TRIGGER change_is_never_deleted BEFORE DELETE ON change
BEGIN
    SELECT raise(ABORT, 'the change log is append-only');
END;

-- Each state of a memory before a change. content is NULL where the next state has the same.
CREATE TABLE revision (
    row INTEGER NOT NULL REFERENCES memory (row) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    content TEXT,
    type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    tags TEXT NOT NULL, -- a JSON array
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER NOT NULL,
    superseded_by TEXT NOT NULL,
    quality REAL NOT NULL,
    confidence REAL NOT NULL,
    PRIMARY KEY (row, revision)
) STRICT, WITHOUT ROWID;
