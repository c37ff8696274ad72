-- What the rounds of a mark could not look at: a note of their own, which the mark is moved with.

ALTER TABLE marks ADD COLUMN arrears TEXT;
