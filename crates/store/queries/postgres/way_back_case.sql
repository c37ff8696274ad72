-- $1: the hash of a link, or NULL; $2: a notification, or NULL; $3: a case, or NULL; $4: the time
-- set by hand, or NULL for this server's; $5: how far back tokens are counted, in milliseconds.
SELECT c.case_id, c.account_ref, c.kind, c.opened_at, c.expires_at, c.hold, c.closed_at,
       c.close_reason, c.signals, c.emr_instance_domain, c.error_type, c.trace,
       a.user_id, a.org_id, a.access_token_key, a.access_token,
       (SELECT o.case_id FROM cases AS o WHERE o.account_ref = c.account_ref AND o.closed_at IS NULL)
           AS open_case_id,
       (
           SELECT count(*)
           FROM visits AS v
           WHERE v.case_id = c.case_id AND v.step = 'minted'
             AND v.at > coalesce($4::bigint,
                                 floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
                        - $5::bigint
       ) AS minted_lately
FROM cases AS c
LEFT JOIN accounts AS a ON a.account_ref = c.account_ref
WHERE c.case_id = coalesce($3::text, (
    SELECT n.case_id
    FROM notifications AS n
    WHERE n.notification_id
          = coalesce($2::text, (SELECT l.notification_id FROM links AS l WHERE l.token_hash = $1))
))
