-- Which programs may run on this schema: those that know at least the migration with this number.
-- A migration that only adds leaves it; one that takes away or changes what older programs use
-- raises it, in its own transaction.

CREATE TABLE schema_compatibility (
    one_row BIGINT PRIMARY KEY CHECK (one_row = 1),
    least   BIGINT NOT NULL
);
INSERT INTO schema_compatibility (one_row, least) VALUES (1, 4);
