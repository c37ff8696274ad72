INSERT INTO cases (case_id, account_ref, kind, opened_at, expires_at, hold, closed_at, close_reason,
                   signals, emr_instance_domain, error_type, trace)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
