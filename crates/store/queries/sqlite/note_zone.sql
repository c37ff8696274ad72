-- Registered again meanwhile, it is to be asked about with its new token.
UPDATE accounts
SET time_zone = ?2, settings_asked_at = ?3
WHERE account_ref = ?1 AND settings_asked_at IS NOT NULL
