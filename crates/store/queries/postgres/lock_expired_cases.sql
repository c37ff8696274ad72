-- $1: the time set by hand, or NULL for this server's. A case that somebody is writing to at this
-- moment comes next time.
SELECT case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason, signals,
       emr_instance_domain, error_type, trace
FROM cases
WHERE closed_at IS NULL
  AND expires_at <= (SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint))
ORDER BY expires_at
LIMIT $2
FOR UPDATE SKIP LOCKED
