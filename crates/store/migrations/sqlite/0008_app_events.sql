-- What the customer's app is told of its cases: the event once, written with what it tells of, and
-- one delivery for each endpoint that was configured then.

CREATE TABLE app_events (
    -- Derived from the fact: no fact is ever two events.
    event_id    TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    case_id     TEXT NOT NULL,
    account_ref TEXT NOT NULL,
    at          INTEGER NOT NULL,
    -- As it is signed and sent, byte for byte.
    body        TEXT NOT NULL
) STRICT;
-- For the oldest, and for what is forgotten.
CREATE INDEX app_events_by_time ON app_events (at, event_id);

CREATE TABLE app_deliveries (
    event_id    TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    state       TEXT NOT NULL,
    -- While taken: the end of the lease.
    due_at      INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    -- Until when it is held. Rises with every taking, so that it also says whose it is.
    lease       INTEGER,
    last_status INTEGER,
    last_at     INTEGER,
    PRIMARY KEY (event_id, endpoint)
) STRICT;
CREATE INDEX app_deliveries_due ON app_deliveries (endpoint, due_at) WHERE state = 'pending';
CREATE INDEX app_deliveries_given_up ON app_deliveries (event_id) WHERE state = 'given_up';
