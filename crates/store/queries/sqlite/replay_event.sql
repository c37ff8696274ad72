-- What was given up has another round; where nothing was, everything that has ended.
-- ?2: now.
UPDATE app_deliveries AS d
SET state = 'pending', due_at = ?2, tries = 0, lease = NULL
WHERE d.event_id = ?1
  AND d.state <> 'pending'
  AND (
      d.state = 'given_up'
      OR NOT EXISTS (
          SELECT 1 FROM app_deliveries AS o WHERE o.event_id = ?1 AND o.state = 'given_up'
      )
  )
RETURNING endpoint
