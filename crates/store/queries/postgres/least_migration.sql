SELECT least
FROM schema_compatibility
WHERE one_row = 1
