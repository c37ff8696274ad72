INSERT INTO non_sends (case_id, notification_id, step, contact_id, at, decision, reason)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
