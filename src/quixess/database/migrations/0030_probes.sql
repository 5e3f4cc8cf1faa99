-- Older versions may go on beside this.
-- What the probes ask every few seconds is found by index, however much there is.

CREATE INDEX connection_token_ends ON connection (token_expires_at) WHERE state = 'active' AND token_expires_at IS NOT NULL;
CREATE INDEX connection_token_fault ON connection (token_failed_at) WHERE state = 'active' AND token_fault IS NOT NULL;
CREATE INDEX intake_todo_broken ON intake_todo (id) WHERE error IS NOT NULL;
