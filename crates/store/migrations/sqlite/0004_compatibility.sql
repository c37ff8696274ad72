-- Which programs may run on this schema: those that know at least the migration with this number.
-- A migration that only adds leaves it; one that takes away or changes what older programs use
-- raises it, in its own transaction.

CREATE TABLE schema_compatibility (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    least INTEGER NOT NULL
) STRICT;
INSERT INTO schema_compatibility (only, least) VALUES (1, 4);
