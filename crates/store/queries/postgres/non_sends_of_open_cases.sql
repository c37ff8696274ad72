-- Only those about no notification: what planning said.
SELECT s.case_id, s.notification_id, s.step, s.contact_id, s.at, s.decision, s.reason
FROM non_sends AS s
JOIN cases AS c ON c.case_id = s.case_id
WHERE c.account_ref = ANY ($1::text[]) AND c.closed_at IS NULL AND s.notification_id IS NULL
ORDER BY s.at, s.id
