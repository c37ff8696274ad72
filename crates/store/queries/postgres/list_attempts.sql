-- A NULL leaves its condition out. Planned for the values of each call, so that every combination
-- finds its own index.
SELECT notification_id, number, case_id, account_ref, step, channel, contact_id, address,
       started_at, finished_at, outcome, reason, resolved_as, provider_message_id, provider_code,
       took_ms, worker
FROM attempts
WHERE ($1::text IS NULL OR case_id = $1)
  AND ($2::text IS NULL OR account_ref = $2)
  AND ($3::text IS NULL OR outcome = $3)
  AND ($4::bigint IS NULL OR (started_at, notification_id, number) < ($4, $5::text, $6::bigint))
ORDER BY started_at DESC, notification_id DESC, number DESC
LIMIT $7
