-- One moment, nothing written; the limits of ordinary statements are lifted for this transaction.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = '120s';
