INSERT INTO attempts (
    notification_id, number, case_id, account_ref, step, channel, contact_id, address,
    started_at, finished_at, outcome, reason, resolved_as, provider_message_id, provider_code,
    took_ms, worker
)
SELECT notification_id, number, case_id, account_ref, step, channel, contact_id, address,
       started_at, finished_at, outcome, reason, resolved_as, provider_message_id,
       provider_code, took_ms, worker
FROM unnest(
    $1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[],
    $15::text[], $16::bigint[], $17::text[]
) AS rows (
    notification_id, number, case_id, account_ref, step, channel, contact_id, address,
    started_at, finished_at, outcome, reason, resolved_as, provider_message_id, provider_code,
    took_ms, worker
)
