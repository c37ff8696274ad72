SELECT notification_id, number, case_id, account_ref, step, channel, contact_id, address,
       started_at, finished_at, outcome, reason, resolved_as, provider_message_id, provider_code,
       took_ms, worker
FROM attempts
WHERE case_id = $1
ORDER BY started_at, notification_id, number
