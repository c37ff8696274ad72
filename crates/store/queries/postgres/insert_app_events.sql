-- $7 to $9: the deliveries, of those events alone that are new.
WITH new AS (
    INSERT INTO app_events (event_id, kind, case_id, account_ref, at, body)
    SELECT event_id, kind, case_id, account_ref, at, body
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]
    ) AS rows (
        event_id, kind, case_id, account_ref, at, body
    )
    ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
)
INSERT INTO app_deliveries (event_id, endpoint, state, due_at, tries)
SELECT rows.event_id, rows.endpoint, 'pending', rows.due_at, 0
FROM unnest($7::text[], $8::text[], $9::bigint[]) AS rows (event_id, endpoint, due_at)
JOIN new ON new.event_id = rows.event_id
