-- What operators did, and guards that let the record of attempts and of operators only grow.
-- The release before writes to attempts in the two ways that are allowed here and in no other.

CREATE TABLE operator_log (
    sequence     BIGINT PRIMARY KEY,
    at           BIGINT NOT NULL,
    operator     TEXT NOT NULL,
    action       TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    -- A flat JSON object of ids and words.
    detail       TEXT NOT NULL,
    prev_hash    TEXT NOT NULL,
    -- Over all columns before it.
    hash         TEXT NOT NULL
);

CREATE FUNCTION operator_log_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'operator_log only grows: no entry is ever changed or deleted'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER operator_log_change BEFORE UPDATE OR DELETE ON operator_log
    FOR EACH ROW EXECUTE FUNCTION operator_log_guard();
CREATE TRIGGER operator_log_truncate BEFORE TRUNCATE ON operator_log
    FOR EACH STATEMENT EXECUTE FUNCTION operator_log_guard();

CREATE FUNCTION attempts_keep_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempts only grow: none is ever deleted'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER attempts_delete BEFORE DELETE ON attempts
    FOR EACH ROW EXECUTE FUNCTION attempts_keep_guard();
CREATE TRIGGER attempts_truncate BEFORE TRUNCATE ON attempts
    FOR EACH STATEMENT EXECUTE FUNCTION attempts_keep_guard();

CREATE FUNCTION attempts_update_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempts only grow: an outcome is filled in once and a doubt resolved once'
        USING ERRCODE = 'restrict_violation';
END
$$;
-- An outcome is filled in once; a doubt is resolved once; all else stands as it was written.
CREATE TRIGGER attempts_update BEFORE UPDATE ON attempts
    FOR EACH ROW
    WHEN (NOT (
        (NEW.notification_id, NEW.number, NEW.case_id, NEW.account_ref, NEW.step, NEW.channel,
         NEW.contact_id, NEW.address, NEW.started_at, NEW.worker)
        = (OLD.notification_id, OLD.number, OLD.case_id, OLD.account_ref, OLD.step, OLD.channel,
           OLD.contact_id, OLD.address, OLD.started_at, OLD.worker)
        AND (
            (
                OLD.outcome IS NULL AND NEW.outcome IS NOT NULL AND NEW.finished_at IS NOT NULL
                AND NEW.resolved_as IS NULL AND NEW.resolved_at IS NULL
            ) OR (
                OLD.outcome IS NOT NULL AND OLD.outcome = 'unknown' AND OLD.resolved_as IS NULL
                AND NEW.resolved_as IS NOT NULL AND NEW.resolved_at IS NOT NULL
                AND NEW.outcome IS NOT DISTINCT FROM OLD.outcome
                AND NEW.finished_at IS NOT DISTINCT FROM OLD.finished_at
                AND NEW.reason IS NOT DISTINCT FROM OLD.reason
                AND NEW.provider_code IS NOT DISTINCT FROM OLD.provider_code
                AND NEW.took_ms IS NOT DISTINCT FROM OLD.took_ms
            )
        )
    ))
    EXECUTE FUNCTION attempts_update_guard();
