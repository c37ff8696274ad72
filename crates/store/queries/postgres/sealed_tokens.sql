-- Reads every account, when an operator asks; an index for that would cost every registration.
SELECT access_token_key, count(*) AS tokens
FROM accounts
GROUP BY access_token_key
ORDER BY access_token_key
