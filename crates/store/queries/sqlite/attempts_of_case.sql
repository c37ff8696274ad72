SELECT notification_id, number, case_id, account_ref, step, channel, contact_id, address, started_at,
       finished_at, outcome, reason, resolved_as, provider_message_id, provider_code, took_ms, worker
FROM attempts
WHERE case_id = ?6
  AND (started_at, notification_id, number) < (?1, ?2, ?3)
  AND (?5 IS NULL OR outcome = ?5)
  AND (?7 IS NULL OR account_ref = ?7)
ORDER BY started_at DESC, notification_id DESC, number DESC
LIMIT ?4
