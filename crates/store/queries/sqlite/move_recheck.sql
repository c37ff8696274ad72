UPDATE rechecks SET due_at = ?2, tries = tries + 1 WHERE case_id = ?1
