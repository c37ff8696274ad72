SELECT case_id, state
FROM notifications
WHERE case_id = ANY ($1::text[])
