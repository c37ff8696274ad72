INSERT INTO notifications (
    notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
    planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
    looks, link_key, created_at, updated_at
)
SELECT notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
       planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
       looks, link_key, written_at, written_at
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[],
    $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::text[],
    $20::bigint[]
) AS rows (
    notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
    planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
    looks, link_key, written_at
)
ON CONFLICT (notification_id) DO NOTHING
