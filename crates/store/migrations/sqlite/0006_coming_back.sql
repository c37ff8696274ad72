-- The way back of people, step by step, and when Cobalt is asked again after somebody said that
-- the account works.

CREATE TABLE visits (
    id              INTEGER PRIMARY KEY,
    case_id         TEXT NOT NULL,
    notification_id TEXT,
    at              INTEGER NOT NULL,
    step            TEXT NOT NULL,
    way             TEXT NOT NULL,
    visitor         TEXT NOT NULL
) STRICT;
CREATE INDEX visits_by_case ON visits (case_id, at);
-- For the limit on tokens, which every person waits for.
CREATE INDEX visits_minted ON visits (case_id, at) WHERE step = 'minted';

CREATE TABLE rechecks (
    case_id TEXT PRIMARY KEY,
    -- NULL once nothing more is asked.
    due_at  INTEGER,
    tries   INTEGER NOT NULL
) STRICT;
CREATE INDEX rechecks_due ON rechecks (due_at) WHERE due_at IS NOT NULL;

-- What Cobalt says of the account, for contacts without a zone of their own, and when it was asked.
ALTER TABLE accounts ADD COLUMN time_zone TEXT;
ALTER TABLE accounts ADD COLUMN settings_asked_at INTEGER;
