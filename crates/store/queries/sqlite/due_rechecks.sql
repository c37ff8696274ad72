SELECT case_id, tries FROM rechecks WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2
