-- I6: the guards that are in place.
SELECT name
FROM sqlite_schema
WHERE type = 'trigger'
ORDER BY name
