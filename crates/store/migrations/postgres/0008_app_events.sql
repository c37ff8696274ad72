-- What the customer's app is told of its cases: the event once, written with what it tells of, and
-- one delivery for each endpoint that was configured then.

CREATE TABLE app_events (
    -- Derived from the fact: no fact is ever two events.
    event_id    TEXT COLLATE "C" PRIMARY KEY,
    kind        TEXT NOT NULL,
    case_id     TEXT COLLATE "C" NOT NULL,
    account_ref TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    -- As it is signed and sent, byte for byte.
    body        TEXT NOT NULL
);
-- For the oldest, and for what is forgotten.
CREATE INDEX app_events_by_time ON app_events (at, event_id);

CREATE TABLE app_deliveries (
    event_id    TEXT COLLATE "C" NOT NULL,
    endpoint    TEXT COLLATE "C" NOT NULL,
    state       TEXT NOT NULL,
    -- While taken: the end of the lease.
    due_at      BIGINT NOT NULL,
    tries       BIGINT NOT NULL,
    -- Until when it is held. Rises with every taking, so that it also says whose it is.
    lease       BIGINT,
    last_status BIGINT,
    last_at     BIGINT,
    PRIMARY KEY (event_id, endpoint)
);
CREATE INDEX app_deliveries_due ON app_deliveries (endpoint, due_at) WHERE state = 'pending';
CREATE INDEX app_deliveries_given_up ON app_deliveries (event_id) WHERE state = 'given_up';
