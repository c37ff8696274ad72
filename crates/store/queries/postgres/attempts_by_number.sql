SELECT a.notification_id, a.number, a.case_id, a.account_ref, a.step, a.channel, a.contact_id, a.address,
       a.started_at, a.finished_at, a.outcome, a.reason, a.resolved_as, a.provider_message_id, a.provider_code,
       a.took_ms, a.worker
FROM unnest($1::text[], $2::bigint[]) AS wanted (notification_id, number)
JOIN attempts AS a ON a.notification_id = wanted.notification_id AND a.number = wanted.number
