SELECT case_id, notification_id, step, contact_id, at, decision, reason
FROM non_sends
WHERE case_id = $1
ORDER BY at, id
