-- How far something that comes round again has got, and whose turn it is.

CREATE TABLE marks (
    name        TEXT COLLATE "C" PRIMARY KEY,
    -- Reached by the last complete round. Never moves back.
    reached     BIGINT,
    taken_by    TEXT,
    taken_until BIGINT
);
