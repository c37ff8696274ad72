-- What the counts of the queue and the spool are held against.
SELECT (SELECT count(*) FROM signals) AS applied,
       (SELECT count(*) FROM cases WHERE closed_at IS NULL) AS cases_open
