-- When the timeline last said that the message waits for Cobalt.
SELECT max(s.at) AS said_at
FROM non_sends AS s
WHERE s.case_id = (SELECT n.case_id FROM notifications AS n WHERE n.notification_id = $1)
  AND s.notification_id = $1 AND s.decision = 'deferred' AND s.reason = 'health_unknown'
