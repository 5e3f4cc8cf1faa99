-- The sandbox phone: what its page has for a brand on the simulated Meta, and what the built-in catcher caught.

-- `secret` is that of a key which reaches numbers nobody has (sandbox/bench.py); `endpoint_id` is the catcher's, whose
-- next `refusals` deliveries are answered 503. `phone_state` is how the simulated phones are.
CREATE TABLE sandbox (
  brand_id uuid PRIMARY KEY REFERENCES brand (id) ON DELETE CASCADE,
  key_id uuid NOT NULL REFERENCES api_key (id),
  secret bytea NOT NULL,
  endpoint_id uuid,
  refusals smallint NOT NULL DEFAULT 0 CHECK (refusals BETWEEN 0 AND 9),
  phone_state text NOT NULL DEFAULT 'on'
);

-- One delivery each as it came, the newest of a brand only. `status` is what it was answered.
CREATE TABLE caught (
  brand_id uuid NOT NULL REFERENCES brand (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  headers json NOT NULL,
  body text NOT NULL,
  status smallint NOT NULL,
  PRIMARY KEY (brand_id, id)
);
CREATE INDEX caught_event ON caught (brand_id, event_id, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON sandbox, caught TO quixess_writer;
GRANT SELECT ON sandbox, caught TO quixess_reader;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sandbox', 'caught']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY writer_sees_all ON %I TO quixess_writer USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY reader_sees_its_brand ON %I FOR SELECT TO quixess_reader '
      'USING (brand_id = nullif(current_setting(''quixess.brand'', true), '''')::uuid)', name);
  END LOOP;
END $$;
