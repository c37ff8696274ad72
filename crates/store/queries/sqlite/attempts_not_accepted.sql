SELECT notification_id, number, case_id, account_ref, step, channel, contact_id, address, started_at,
       finished_at, outcome, reason, resolved_as, provider_message_id, provider_code, took_ms, worker
FROM attempts
WHERE outcome = ?5 AND outcome <> 'accepted'
  AND (started_at, notification_id, number) < (?1, ?2, ?3)
ORDER BY started_at DESC, notification_id DESC, number DESC
LIMIT ?4
