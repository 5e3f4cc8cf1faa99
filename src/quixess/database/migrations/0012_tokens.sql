-- Tokens that are looked after: how long each lives, when it is looked at next, and what became of a rotation.

-- `token_due_at` is due time and lease at once; a new token is due at once. `token_since` is when the token's life
-- began, `token_access_ends_at` when a person has to log in again (NULL: never). `token_fault` is why the last look or
-- exchange failed, NULL when all is well; `token_failed_at` when that was told first; `token_warned` the days of the
-- last warning. `previous_token` is the one before, good until `previous_token_until`, sealed for the place of `token`:
-- it goes back as it came.
ALTER TABLE connection
  ADD COLUMN token_due_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN token_kind text,
  ADD COLUMN token_since timestamptz,
  ADD COLUMN token_access_ends_at timestamptz,
  ADD COLUMN token_checked_at timestamptz,
  ADD COLUMN token_rotated_at timestamptz,
  ADD COLUMN token_fault text,
  ADD COLUMN token_failed_at timestamptz,
  ADD COLUMN token_tries smallint NOT NULL DEFAULT 0,
  ADD COLUMN token_warned smallint,
  ADD COLUMN previous_token bytea,
  ADD COLUMN previous_token_last4 text,
  ADD COLUMN previous_token_until timestamptz;
CREATE INDEX connection_token_due ON connection (token_due_at) WHERE state = 'active';

-- What happened to a token and is not told yet: written by whoever noticed, deleted by the transaction that tells.
CREATE TABLE token_news (
  brand_id uuid NOT NULL REFERENCES brand (id),
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  word text NOT NULL,
  detail json NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON token_news TO quixess_writer;
GRANT SELECT ON token_news TO quixess_reader;
ALTER TABLE token_news ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_news FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON token_news TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON token_news FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
