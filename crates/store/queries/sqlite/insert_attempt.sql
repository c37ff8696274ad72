INSERT INTO attempts (notification_id, number, case_id, account_ref, step, channel, contact_id, address,
                      started_at, finished_at, outcome, reason, resolved_as, provider_message_id,
                      provider_code, took_ms, worker)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
