-- No tenant waits behind another: Meta's bodies are worked off in lanes, one for each number as far as they go round.

-- `lane` is a hash of the number that a body is about (messages/lanes.py). Rows of before share the first. What is
-- broken is in nobody's way: it is not in the index.
ALTER TABLE intake_todo ADD COLUMN lane smallint NOT NULL DEFAULT 0;
DROP INDEX intake_todo_due;
CREATE INDEX intake_todo_due ON intake_todo (lane, next_at) WHERE error IS NULL;
