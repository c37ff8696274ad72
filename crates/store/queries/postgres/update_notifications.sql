-- Everything that can change; the rest is bound as well and left alone.
UPDATE notifications AS n
SET state = new.state,
    reason = new.reason,
    due_at = new.due_at,
    wake_at = new.wake_at,
    fence = new.fence,
    lease_owner = new.lease_owner,
    lease_until = new.lease_until,
    attempts = new.attempts,
    spent = new.spent,
    doubts = new.doubts,
    looks = new.looks,
    link_key = new.link_key,
    updated_at = new.written_at
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[],
    $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::text[],
    $20::bigint[]
) AS new (
    notification_id, case_id, account_ref, step, channel, contact_id, state, reason,
    planned_for, due_at, wake_at, fence, lease_owner, lease_until, attempts, spent, doubts,
    looks, link_key, written_at
)
WHERE n.notification_id = new.notification_id
