-- How far something that comes round again has got, and whose turn it is; and what old news is
-- measured by.

CREATE TABLE marks (
    name        TEXT COLLATE "C" PRIMARY KEY,
    -- Reached by the last complete round. Never moves back.
    reached     BIGINT,
    taken_by    TEXT,
    taken_until BIGINT
);

-- A repair counts also when no case was open: news of before must not open one.
CREATE INDEX signals_repaired ON signals (account_ref, applied_at) WHERE kind = 'repaired';
