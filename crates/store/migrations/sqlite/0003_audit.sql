-- What operators did, and guards that let the record of attempts and of operators only grow.
-- The release before writes to attempts in the two ways that are allowed here and in no other.

CREATE TABLE operator_log (
    sequence     INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    operator     TEXT NOT NULL,
    action       TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    -- A flat JSON object of ids and words.
    detail       TEXT NOT NULL,
    prev_hash    TEXT NOT NULL,
    -- Over all columns before it.
    hash         TEXT NOT NULL
) STRICT;

CREATE TRIGGER operator_log_insert BEFORE INSERT ON operator_log
WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM operator_log)
BEGIN
    SELECT RAISE(ABORT, 'operator_log only grows: an entry goes behind the last one');
END;
CREATE TRIGGER operator_log_update BEFORE UPDATE ON operator_log
BEGIN
    SELECT RAISE(ABORT, 'operator_log only grows: no entry is ever changed');
END;
CREATE TRIGGER operator_log_delete BEFORE DELETE ON operator_log
BEGIN
    SELECT RAISE(ABORT, 'operator_log only grows: no entry is ever deleted');
END;

-- Against INSERT OR REPLACE, which deletes without a word.
CREATE TRIGGER attempts_insert BEFORE INSERT ON attempts
WHEN EXISTS (
    SELECT 1 FROM attempts WHERE notification_id = NEW.notification_id AND number = NEW.number
)
BEGIN
    SELECT RAISE(ABORT, 'attempts only grow: there is an attempt of this number already');
END;
CREATE TRIGGER attempts_delete BEFORE DELETE ON attempts
BEGIN
    SELECT RAISE(ABORT, 'attempts only grow: none is ever deleted');
END;
-- An outcome is filled in once; a doubt is resolved once; all else stands as it was written.
CREATE TRIGGER attempts_update BEFORE UPDATE ON attempts
WHEN NOT (
    NEW.notification_id = OLD.notification_id AND NEW.number = OLD.number
    AND NEW.case_id = OLD.case_id AND NEW.account_ref = OLD.account_ref
    AND NEW.step = OLD.step AND NEW.channel = OLD.channel
    AND NEW.contact_id = OLD.contact_id AND NEW.address = OLD.address
    AND NEW.started_at = OLD.started_at AND NEW.worker = OLD.worker
    AND (
        (
            OLD.outcome IS NULL AND NEW.outcome IS NOT NULL AND NEW.finished_at IS NOT NULL
            AND NEW.resolved_as IS NULL AND NEW.resolved_at IS NULL
        ) OR (
            OLD.outcome IS 'unknown' AND OLD.resolved_as IS NULL
            AND NEW.resolved_as IS NOT NULL AND NEW.resolved_at IS NOT NULL
            AND NEW.outcome IS OLD.outcome AND NEW.finished_at IS OLD.finished_at
            AND NEW.reason IS OLD.reason AND NEW.provider_code IS OLD.provider_code
            AND NEW.took_ms IS OLD.took_ms
        )
    )
)
BEGIN
    SELECT RAISE(ABORT, 'attempts only grow: an outcome is filled in once and a doubt resolved once');
END;
