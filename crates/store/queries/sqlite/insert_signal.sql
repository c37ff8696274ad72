INSERT INTO signals (event_id, account_ref, kind, source, occurred_at, received_at, applied_at,
                     emr_instance_domain, error_type, digest, trace, result, case_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
