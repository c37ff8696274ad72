SELECT e.event_id, e.kind, e.case_id, e.account_ref, e.at, d.endpoint, d.state, d.tries,
       d.last_status, d.last_at
FROM app_events AS e
JOIN app_deliveries AS d ON d.event_id = e.event_id
WHERE NOT $1::boolean OR d.state = 'given_up'
ORDER BY e.at DESC, e.event_id DESC, d.endpoint
LIMIT $2
