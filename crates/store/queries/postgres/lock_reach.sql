-- Whoever ends the last message of a case has to see that it is the last: two that end at once wait
-- for one another here, each before it reads the other's end. Taken last of all locks, in order.
SELECT pg_advisory_xact_lock(hashtextextended(case_id, 7))
FROM unnest($1::text[]) AS rows (case_id)
