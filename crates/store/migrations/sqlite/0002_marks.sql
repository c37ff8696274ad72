-- How far something that comes round again has got, and whose turn it is.

CREATE TABLE marks (
    name        TEXT PRIMARY KEY,
    -- Reached by the last complete round. Never moves back.
    reached     INTEGER,
    taken_by    TEXT,
    taken_until INTEGER
) STRICT;
