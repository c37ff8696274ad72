-- ?7: recorded however many there are; ?8: how many there may be otherwise.
INSERT INTO visits (case_id, notification_id, at, step, way, visitor)
SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE ?7 OR (SELECT count(*) FROM visits WHERE case_id = ?1) < ?8
