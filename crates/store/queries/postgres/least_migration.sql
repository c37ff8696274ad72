SELECT least
FROM schema_compatibility
WHERE only = 1
