-- For the accounts whose time zone Cobalt is asked for.
CREATE INDEX accounts_zones_wanted ON accounts (settings_asked_at);
