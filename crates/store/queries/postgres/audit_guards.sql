-- I6: the guards that are in place. D is switched off, R only for replicas.
SELECT t.tgname::text AS name
FROM pg_trigger AS t
WHERE t.tgrelid IN (to_regclass('attempts'), to_regclass('operator_log'))
  AND NOT t.tgisinternal AND t.tgenabled NOT IN ('D', 'R')
ORDER BY name
