-- The request log, and hourly counts: what the API was asked, and what became of messages and deliveries.

-- One line for each request of a key, written beside the requests and let go after a week. `id` is of when it was
-- answered. `asked` is what was asked, as much of it as may be kept (requests/redacting.py); `problem` is detail and
-- errors of the answer, `code` its code. Nothing refers to it and nothing is read from it but lists.
CREATE TABLE request (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  request_id text COLLATE "C" NOT NULL,
  key_id uuid NOT NULL,
  method text NOT NULL,
  path text NOT NULL,
  status smallint NOT NULL,
  duration_ms real NOT NULL,
  address text,
  code text,
  problem json,
  message_id uuid,
  replayed boolean NOT NULL,
  asked json,
  PRIMARY KEY (brand_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX request_key ON request (brand_id, key_id, id);
CREATE INDEX request_shown ON request (brand_id, request_id);
CREATE INDEX request_failed ON request (brand_id, id) WHERE status >= 400;

-- Counts by the hour (UTC), each hour of a brand written as a whole by metrics/counting.py, and again while its messages
-- still move. No NULL: '' stands for no text, 0 for no code, the nil id for no key.

-- Messages by the hour they were recorded in and the state they have got to; `price_…` is what Meta's status said.
CREATE TABLE message_hour (
  brand_id uuid NOT NULL,
  hour timestamptz NOT NULL,
  state text NOT NULL,
  category text NOT NULL,
  template_name text NOT NULL,
  key_id uuid NOT NULL,
  code integer NOT NULL,
  price_category text NOT NULL,
  price_type text NOT NULL,
  billable boolean NOT NULL,
  messages bigint NOT NULL,
  PRIMARY KEY (brand_id, hour, state, category, template_name, key_id, code, price_category, price_type, billable)
);

-- How long codes took from us to the phone: `step` is one of the steps of metrics/waits.py.
CREATE TABLE code_hour (
  brand_id uuid NOT NULL,
  hour timestamptz NOT NULL,
  template_name text NOT NULL,
  step smallint NOT NULL,
  messages bigint NOT NULL,
  PRIMARY KEY (brand_id, hour, template_name, step)
);

-- Attempts at deliveries by the hour they began in: `answer` is `2xx` to `5xx`, or the fault where there was no answer.
CREATE TABLE attempt_hour (
  brand_id uuid NOT NULL,
  hour timestamptz NOT NULL,
  endpoint_id uuid NOT NULL,
  answer text NOT NULL,
  step smallint NOT NULL,
  attempts bigint NOT NULL,
  PRIMARY KEY (brand_id, hour, endpoint_id, answer, step)
);

-- Deliveries that ended, by the hour they were queued in.
CREATE TABLE outcome_hour (
  brand_id uuid NOT NULL,
  hour timestamptz NOT NULL,
  endpoint_id uuid NOT NULL,
  state text NOT NULL,
  deliveries bigint NOT NULL,
  PRIMARY KEY (brand_id, hour, endpoint_id, state)
);

-- What a brand pays for a message of each of Meta's pricing categories: its own estimate, entered by hand.
CREATE TABLE price (
  brand_id uuid NOT NULL,
  category text NOT NULL,
  amount numeric(12, 6) NOT NULL CHECK (amount >= 0),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  PRIMARY KEY (brand_id, category)
);

-- How far each brand is counted: every hour before `counted_to`, at least once.
CREATE TABLE count_turn (
  id uuid PRIMARY KEY REFERENCES brand (id),
  counted_to timestamptz NOT NULL,
  next_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX count_turn_due ON count_turn (next_at);

GRANT SELECT, INSERT ON request TO quixess_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON message_hour, code_hour, attempt_hour, outcome_hour, price, count_turn
  TO quixess_writer;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['request', 'message_hour', 'code_hour', 'attempt_hour', 'outcome_hour', 'price']
  LOOP
    EXECUTE format('GRANT SELECT ON %I TO quixess_reader', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY writer_sees_all ON %I TO quixess_writer USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY reader_sees_its_brand ON %I FOR SELECT TO quixess_reader '
      'USING (brand_id = nullif(current_setting(''quixess.brand'', true), '''')::uuid)', name);
  END LOOP;
END $$;
