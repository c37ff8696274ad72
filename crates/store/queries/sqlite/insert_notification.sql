INSERT INTO notifications (notification_id, case_id, account_ref, step, channel, contact_id, state,
                           reason, planned_for, due_at, wake_at, fence, lease_owner, lease_until,
                           attempts, spent, doubts, looks, link_key, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?20)
ON CONFLICT (notification_id) DO NOTHING
