-- Never before its moment or the end of a lease, and nothing that has ended or is parked since.
UPDATE notifications
SET wake_at = max(?2, due_at, coalesce(lease_until, 0))
WHERE notification_id = ?1 AND wake_at IS NOT NULL
