SELECT
    (SELECT count(*) FROM cases WHERE closed_at IS NULL),
    (SELECT count(*) FROM notifications WHERE state = 'doubtful'),
    (
        SELECT count(*)
        FROM notifications AS n
        WHERE state = 'dead'
          AND NOT EXISTS (
              SELECT 1
              FROM non_sends AS r
              WHERE r.case_id = n.case_id AND r.notification_id = n.notification_id
                AND r.decision = 'replayed'
          )
    ),
    (
        SELECT count(*)
        FROM (
            SELECT case_id, closed_at
            FROM cases
            WHERE close_reason = 'repaired'
            ORDER BY closed_at DESC
            LIMIT ?1
        ) AS repaired
        JOIN attempts ON attempts.case_id = repaired.case_id
                     AND attempts.started_at > repaired.closed_at
    )
