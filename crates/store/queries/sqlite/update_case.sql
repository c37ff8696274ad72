UPDATE cases
SET kind = ?2, hold = ?3, closed_at = ?4, close_reason = ?5, signals = ?6
WHERE case_id = ?1
