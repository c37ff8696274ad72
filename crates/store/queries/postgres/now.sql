-- Whole milliseconds since 1970 on this server's clock, at this statement and not at the
-- transaction's start: a moment taken after the locks is later than whatever held them.
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now
