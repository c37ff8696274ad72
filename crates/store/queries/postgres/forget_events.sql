-- $1: before when; an event of an open case stays, since it keeps its fact from being told twice.
WITH old AS (
    SELECT e.event_id
    FROM app_events AS e
    WHERE e.at < $1
      AND NOT EXISTS (
          SELECT FROM app_deliveries AS d
          WHERE d.event_id = e.event_id AND d.state <> 'delivered'
      )
      AND NOT EXISTS (
          SELECT FROM cases AS c WHERE c.case_id = e.case_id AND c.closed_at IS NULL
      )
    ORDER BY e.at, e.event_id
    LIMIT $2
    FOR UPDATE OF e SKIP LOCKED
), deliveries AS (
    DELETE FROM app_deliveries AS d USING old WHERE d.event_id = old.event_id
)
DELETE FROM app_events AS e USING old WHERE e.event_id = old.event_id
RETURNING e.event_id
