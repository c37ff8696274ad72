-- The first schema. Moments are whole milliseconds since 1970 in UTC; words are those of the
-- closed vocabularies in relink-core; ids of cases and notifications are UUIDs as text.
-- Ids are compared byte by byte (COLLATE "C"): pages of a listing must not move with the language
-- of the server or the version of its C library.

CREATE TABLE accounts (
    account_ref         TEXT COLLATE "C" PRIMARY KEY,
    user_id             TEXT COLLATE "C" NOT NULL,
    org_id              TEXT NOT NULL,
    emr_instance_domain TEXT,
    -- Sealed for "accounts/access_token/<account_ref>/<key id>".
    access_token        BYTEA NOT NULL,
    access_token_key    TEXT NOT NULL,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL
);
CREATE INDEX accounts_by_user ON accounts (user_id);

CREATE TABLE contacts (
    account_ref TEXT COLLATE "C" NOT NULL REFERENCES accounts (account_ref) ON DELETE CASCADE,
    contact_id  TEXT COLLATE "C" NOT NULL,
    position    BIGINT NOT NULL,
    role        TEXT NOT NULL,
    email       TEXT,
    phone       TEXT,
    locale      TEXT,
    time_zone   TEXT,
    sms_consent BOOLEAN NOT NULL,
    name        TEXT,
    PRIMARY KEY (account_ref, contact_id)
);

CREATE TABLE cases (
    case_id             TEXT COLLATE "C" PRIMARY KEY,
    account_ref         TEXT COLLATE "C" NOT NULL,
    kind                TEXT NOT NULL,
    opened_at           BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    hold                TEXT,
    closed_at           BIGINT,
    close_reason        TEXT,
    signals             BIGINT NOT NULL,
    emr_instance_domain TEXT,
    error_type          TEXT,
    trace               TEXT
);
-- One case, one voice: at most one open case per account.
CREATE UNIQUE INDEX cases_one_open ON cases (account_ref) WHERE closed_at IS NULL;
CREATE INDEX cases_by_account ON cases (account_ref, closed_at);
CREATE INDEX cases_by_opening ON cases (opened_at, case_id);
CREATE INDEX cases_open_by_opening ON cases (opened_at, case_id) WHERE closed_at IS NULL;
CREATE INDEX cases_to_expire ON cases (expires_at) WHERE closed_at IS NULL;
-- For counting sends after a repair without looking at every case there ever was.
CREATE INDEX cases_repaired ON cases (closed_at, case_id) WHERE close_reason = 'repaired';

-- One row per accepted event id: the guard against applying anything twice.
CREATE TABLE signals (
    event_id            TEXT COLLATE "C" PRIMARY KEY,
    account_ref         TEXT COLLATE "C" NOT NULL,
    kind                TEXT NOT NULL,
    source              TEXT NOT NULL,
    occurred_at         BIGINT NOT NULL,
    received_at         BIGINT NOT NULL,
    applied_at          BIGINT NOT NULL,
    emr_instance_domain TEXT,
    error_type          TEXT,
    digest              TEXT NOT NULL,
    trace               TEXT,
    result              TEXT NOT NULL,
    case_id             TEXT COLLATE "C",
    -- The order of writing, for rows of one moment.
    ordinal             BIGINT GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX signals_by_case ON signals (case_id, applied_at);

CREATE TABLE notifications (
    notification_id TEXT COLLATE "C" PRIMARY KEY,
    case_id         TEXT COLLATE "C" NOT NULL,
    account_ref     TEXT COLLATE "C" NOT NULL,
    step            TEXT NOT NULL,
    channel         TEXT NOT NULL,
    contact_id      TEXT COLLATE "C" NOT NULL,
    state           TEXT NOT NULL,
    reason          TEXT,
    planned_for     BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    -- When the scheduler looks at it next: due_at, the end of a lease, the time to publish
    -- again. NULL at an end and while parked.
    wake_at         BIGINT,
    fence           BIGINT NOT NULL DEFAULT 0,
    lease_owner     TEXT,
    lease_until     BIGINT,
    attempts        BIGINT NOT NULL DEFAULT 0,
    spent           BIGINT NOT NULL DEFAULT 0,
    doubts          BIGINT NOT NULL DEFAULT 0,
    looks           BIGINT NOT NULL DEFAULT 0,
    -- The key its link is derived with, fixed at the first attempt.
    link_key        TEXT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    -- The order of writing, for rows of one moment.
    ordinal         BIGINT GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX notifications_to_wake ON notifications (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX notifications_by_case ON notifications (case_id);
CREATE INDEX notifications_dead ON notifications (updated_at) WHERE state = 'dead';
CREATE INDEX notifications_doubtful ON notifications (updated_at) WHERE state = 'doubtful';

-- Written before the provider is called, completed after. Only grows.
CREATE TABLE attempts (
    notification_id     TEXT COLLATE "C" NOT NULL,
    number              BIGINT NOT NULL,
    case_id             TEXT COLLATE "C" NOT NULL,
    account_ref         TEXT COLLATE "C" NOT NULL,
    step                TEXT NOT NULL,
    channel             TEXT NOT NULL,
    contact_id          TEXT COLLATE "C" NOT NULL,
    address             TEXT NOT NULL,
    started_at          BIGINT NOT NULL,
    finished_at         BIGINT,
    outcome             TEXT,
    reason              TEXT,
    resolved_as         TEXT,
    resolved_at         BIGINT,
    provider_message_id TEXT,
    provider_code       TEXT,
    took_ms             BIGINT,
    worker              TEXT NOT NULL,
    PRIMARY KEY (notification_id, number)
);
CREATE INDEX attempts_by_case ON attempts (case_id, started_at);
CREATE INDEX attempts_by_account ON attempts (account_ref, started_at);
CREATE INDEX attempts_by_start ON attempts (started_at, notification_id, number);
-- What operators look for. Accepted is what almost all are, so those need no index of their own.
CREATE INDEX attempts_not_accepted ON attempts (outcome, started_at, notification_id, number)
    WHERE outcome <> 'accepted';

-- Everything that was decided instead of a send, with its reason.
CREATE TABLE non_sends (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id         TEXT COLLATE "C" NOT NULL,
    notification_id TEXT COLLATE "C",
    step            TEXT,
    contact_id      TEXT COLLATE "C",
    at              BIGINT NOT NULL,
    decision        TEXT NOT NULL,
    reason          TEXT NOT NULL
);
CREATE INDEX non_sends_by_case ON non_sends (case_id, at);

CREATE TABLE links (
    token_hash      TEXT COLLATE "C" PRIMARY KEY,
    notification_id TEXT COLLATE "C" NOT NULL
);
