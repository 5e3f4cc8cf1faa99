-- What Meta says of templates, accounts and numbers: each change kept once for each brand it concerns.

-- `digest` is over app, WABA, field, time and value: Meta repeats itself for 7 days, in bodies batched anew. `event` is
-- Meta's word for what happened, where it has one; `connection_id` is NULL when it is about the WABA as a whole.
CREATE TABLE notice (
  brand_id uuid NOT NULL REFERENCES brand (id),
  id uuid NOT NULL,
  connection_id uuid,
  waba_id text NOT NULL,
  field text NOT NULL,
  event text,
  value json NOT NULL,
  digest bytea NOT NULL,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id),
  UNIQUE (brand_id, digest)
);

-- When Meta said it: what comes later and is older changes nothing.
ALTER TABLE template
  ADD COLUMN status_at timestamptz,
  ADD COLUMN quality_at timestamptz,
  ADD COLUMN category_at timestamptz;

-- `templates_due_at`: when the cache is to be compared with Meta's list again. `closed_by` is the word of Meta that
-- disconnected the account, NULL when an operator did; `account_at` is when Meta last opened or closed it.
ALTER TABLE connection
  ADD COLUMN templates_due_at timestamptz NOT NULL DEFAULT now() + interval '1 minute',
  ADD COLUMN closed_by text,
  ADD COLUMN account_at timestamptz;
CREATE INDEX connection_templates_due ON connection (templates_due_at) WHERE state = 'active';

GRANT SELECT, INSERT, UPDATE, DELETE ON notice TO quixess_writer;
GRANT SELECT ON notice TO quixess_reader;
ALTER TABLE notice ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON notice TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON notice FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
