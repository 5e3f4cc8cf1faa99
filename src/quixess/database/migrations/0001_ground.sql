-- The ground: every table of docs/house.md. Tenant tables are keyed (brand_id, id) and carry brand_id in every
-- statement, so that the same SQL runs on one PostgreSQL, on Citus and in cells. Ids are UUIDv7 made by us.
-- Append-only tables are partitioned on their id; `quixess.database.partitions` makes and drops the partitions.
-- Hot tables carry no foreign keys: their triggers would lock one parent row for thousands of writers.

-- Global tables -------------------------------------------------------------------------------------------------

CREATE TABLE brand (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended')),
  body_days integer NOT NULL DEFAULT 90 CHECK (body_days >= 0),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE keyring_canary (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  sealed bytea NOT NULL
);

CREATE TABLE operator (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE,
  name text NOT NULL,
  password_hash text,
  totp_secret bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  disabled_at timestamptz
);

CREATE TABLE membership (
  operator_id uuid NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
  brand_id uuid NOT NULL REFERENCES brand (id) ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'agent')),
  PRIMARY KEY (operator_id, brand_id)
);

CREATE TABLE session (
  token_hash bytea PRIMARY KEY,
  operator_id uuid NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  stepped_up_at timestamptz,
  revoked_at timestamptz
);

CREATE TABLE operator_token (
  token_hash bytea PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  name text NOT NULL,
  operator_id uuid REFERENCES operator (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

-- Found by hash. The brand may be missing, so that an unbound key can be told so, and never changes once set.
CREATE TABLE api_key (
  id uuid PRIMARY KEY,
  lineage_id uuid NOT NULL,
  brand_id uuid REFERENCES brand (id),
  key_hash bytea NOT NULL UNIQUE,
  pepper_version smallint NOT NULL,
  prefix8 text NOT NULL,
  last4 text NOT NULL,
  name text NOT NULL,
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
  constraints jsonb NOT NULL DEFAULT '{}',
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  rotated_to uuid REFERENCES api_key (id),
  last_used_at timestamptz
);
CREATE INDEX api_key_brand ON api_key (brand_id, id);

CREATE FUNCTION refuse_brand_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.brand_id IS NOT NULL AND NEW.brand_id IS DISTINCT FROM OLD.brand_id THEN
    RAISE EXCEPTION 'the brand of an API key never changes' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER api_key_brand_is_immutable BEFORE UPDATE OF brand_id ON api_key
  FOR EACH ROW EXECUTE FUNCTION refuse_brand_change();

-- A Meta app: the webhook path names it, it chooses the secret. Two secrets are active while one is rotated.
CREATE TABLE meta_app (
  id text PRIMARY KEY,
  secret bytea NOT NULL,
  previous_secret bytea,
  verify_token bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Phone number id → brand and connection. One number belongs to one brand.
CREATE TABLE number (
  phone_number_id text PRIMARY KEY,
  app_id text NOT NULL REFERENCES meta_app (id),
  waba_id text NOT NULL,
  brand_id uuid NOT NULL REFERENCES brand (id),
  connection_id uuid NOT NULL
);
CREATE INDEX number_waba ON number (waba_id);

-- wamid → message, insert-only: the indexed column stays out of the hot message row.
CREATE TABLE wamid (
  connection_id uuid NOT NULL,
  wamid text NOT NULL,
  brand_id uuid NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (connection_id, wamid)
);
CREATE INDEX wamid_age ON wamid USING brin (message_id);

-- Meta's bodies, as they came. The todo is deleted when the body became messages and events.
CREATE TABLE intake (
  id uuid NOT NULL,
  app_id text NOT NULL,
  body bytea NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id)
) PARTITION BY RANGE (id);

CREATE TABLE intake_todo (
  id uuid PRIMARY KEY,
  app_id text NOT NULL,
  next_at timestamptz NOT NULL,
  lease uuid,
  tries smallint NOT NULL DEFAULT 0,
  error text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX intake_todo_due ON intake_todo (next_at);

-- Sends without an outcome yet: one row from the claim to the end. A table of its own, because an index on the
-- message's state would make every change of a state rewrite all of its index entries.
CREATE TABLE unsettled (
  id uuid PRIMARY KEY,
  brand_id uuid NOT NULL,
  next_at timestamptz NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX unsettled_due ON unsettled (next_at);

-- Items that belong to nobody we know: another app's number, an unknown one. Counted, kept in intake, go nowhere.
CREATE TABLE stray (
  app_id text NOT NULL,
  phone_number_id text NOT NULL,
  reason text NOT NULL,
  items bigint NOT NULL,
  last_intake_id uuid NOT NULL,
  last_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, phone_number_id, reason)
);

-- Which endpoints have work, and when. Upserted only when earlier; a claim moves it on.
CREATE TABLE endpoint_due (
  endpoint_id uuid PRIMARY KEY,
  brand_id uuid NOT NULL,
  next_at timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX endpoint_due_next ON endpoint_due (next_at);

CREATE TABLE rate_bucket (
  key text PRIMARY KEY,
  tat timestamptz NOT NULL
) WITH (fillfactor = 50);

-- One row per credential lineage and Idempotency-Key. The fingerprint is keyed (HMAC): it covers an OTP code.
CREATE TABLE idempotency (
  lineage_id uuid NOT NULL,
  key text NOT NULL,
  brand_id uuid NOT NULL,
  operation text NOT NULL,
  fingerprint bytea NOT NULL,
  message_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('dispatching', 'unknown', 'final')),
  locked_until timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  status smallint,
  body bytea,
  PRIMARY KEY (lineage_id, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Tenant tables --------------------------------------------------------------------------------------------------

CREATE TABLE connection (
  brand_id uuid NOT NULL REFERENCES brand (id),
  id uuid NOT NULL,
  app_id text NOT NULL REFERENCES meta_app (id),
  waba_id text NOT NULL,
  phone_number_id text NOT NULL,
  display_phone text NOT NULL,
  verified_name text,
  graph_url text NOT NULL,
  token bytea NOT NULL,
  token_last4 text NOT NULL,
  token_expires_at timestamptz,
  pin bytea,
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'unauthorized', 'disconnected')),
  state_reason text,
  webhook_seen_at timestamptz,
  templates_synced_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id)
);
CREATE INDEX connection_number ON connection (brand_id, phone_number_id);

CREATE TABLE template (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  meta_id text NOT NULL,
  name text NOT NULL,
  language text NOT NULL,
  category text NOT NULL,
  status text NOT NULL,
  rejected_reason text,
  quality text,
  parameter_format text NOT NULL DEFAULT 'POSITIONAL',
  components json NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id),
  UNIQUE (brand_id, connection_id, name, language),
  FOREIGN KEY (brand_id, connection_id) REFERENCES connection (brand_id, id)
);

-- Known by phone or by Meta's user id (usernames, 2026): both may be missing, never both at once.
CREATE TABLE contact (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  phone text,
  user_id text,
  username text,
  name text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id),
  CHECK (phone IS NOT NULL OR user_id IS NOT NULL)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX contact_phone ON contact (brand_id, phone);
CREATE UNIQUE INDEX contact_user ON contact (brand_id, user_id);

-- Brazil, Mexico, Argentina: Meta's wa_id differs from the number that was written to. Learnt, never guessed.
CREATE TABLE phone_alias (
  brand_id uuid NOT NULL,
  phone text NOT NULL,
  contact_id uuid NOT NULL,
  PRIMARY KEY (brand_id, phone)
);

CREATE TABLE conversation (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  state text NOT NULL DEFAULT 'open',
  last_inbound_at timestamptz,
  window_until timestamptz,
  unread integer NOT NULL DEFAULT 0,
  assignee uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX conversation_contact ON conversation (brand_id, connection_id, contact_id);

CREATE TABLE message (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  direction text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
  type text NOT NULL,
  state text NOT NULL,
  rank smallint NOT NULL,
  phone text,
  user_id text,
  wamid text,
  attempt smallint NOT NULL DEFAULT 0,
  template_name text,
  template_language text,
  template_category text,
  content json NOT NULL,
  reply_to text,
  metadata json NOT NULL DEFAULT '{}',
  key_id uuid,
  lineage_id uuid,
  idempotency_key text,
  request_id text,
  errors json,
  pricing json,
  occurred_at timestamptz NOT NULL,
  PRIMARY KEY (brand_id, id)
) PARTITION BY RANGE (id);
-- Not brand first: beside the primary key it could pass for a way to (brand_id, id) while a partition is empty, and
-- a plan cached then would skip through it for ever after.
CREATE INDEX message_thread ON message (conversation_id, id);

CREATE TABLE message_status (
  brand_id uuid NOT NULL,
  message_id uuid NOT NULL,
  status text NOT NULL,
  participant text NOT NULL DEFAULT '',
  inferred boolean NOT NULL DEFAULT false,
  errors json,
  pricing json,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, message_id, status, participant)
) PARTITION BY RANGE (message_id);

-- A status whose message is not known yet: it came before our own answer was stored, or belongs to another sender.
CREATE TABLE parked_status (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  wamid text NOT NULL,
  item json NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id)
);
CREATE INDEX parked_status_wamid ON parked_status (connection_id, wamid);

CREATE TABLE event (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  version text NOT NULL,
  message_id uuid,
  conversation_id uuid,
  data json NOT NULL,
  occurred_at timestamptz NOT NULL,
  PRIMARY KEY (brand_id, id)
) PARTITION BY RANGE (id);

CREATE TABLE endpoint (
  brand_id uuid NOT NULL REFERENCES brand (id),
  id uuid NOT NULL,
  url text,
  secret bytea NOT NULL,
  previous_secret bytea,
  previous_secret_until timestamptz,
  event_types text[],
  schedule_s integer[],
  ordered boolean NOT NULL DEFAULT false,
  state text NOT NULL DEFAULT 'healthy' CHECK (state IN ('healthy', 'failing', 'disabled')),
  state_reason text,
  state_since timestamptz NOT NULL DEFAULT now(),
  probe_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (brand_id, id)
);

-- Hot and narrow: one row per event that an endpoint has not got yet. `next_at` is due time and lease expiry at
-- once; `lease` is the fencing token, NULL exactly when nobody holds the row.
CREATE TABLE delivery (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  next_at timestamptz NOT NULL,
  attempt smallint NOT NULL DEFAULT 0,
  lease uuid,
  order_key uuid,
  PRIMARY KEY (brand_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_due ON delivery (brand_id, endpoint_id, next_at);
CREATE INDEX delivery_event ON delivery (brand_id, event_id);
CREATE INDEX delivery_order ON delivery (brand_id, endpoint_id, order_key, id) WHERE order_key IS NOT NULL;

CREATE TABLE attempt (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  event_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  number smallint NOT NULL,
  status smallint,
  fault text,
  duration_ms integer NOT NULL,
  excerpt bytea,
  started_at timestamptz NOT NULL,
  PRIMARY KEY (brand_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX attempt_event ON attempt (brand_id, event_id);

-- Written by the statement that deletes the delivery: what lists, filters, replay and metrics read.
CREATE TABLE outcome (
  brand_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  event_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('delivered', 'exhausted', 'expired', 'disabled', 'discarded')),
  attempts smallint NOT NULL,
  ended_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, delivery_id)
) PARTITION BY RANGE (delivery_id);
CREATE INDEX outcome_event ON outcome (brand_id, event_id);

CREATE TABLE audit (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  object text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id)
);

CREATE TABLE feed (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL,
  object_id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id)
);

-- Two roles: a writer that batches over brands, a reader that sees one brand at a time ------------------------------

-- Who may not create roles finds them made by hand (docs/operations.md): then there is nothing to create or to grant.
DO $$
BEGIN
  IF to_regrole('quixess_writer') IS NULL THEN
    CREATE ROLE quixess_writer NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$
BEGIN
  IF to_regrole('quixess_reader') IS NULL THEN
    CREATE ROLE quixess_reader NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$
BEGIN
  EXECUTE format('GRANT quixess_writer, quixess_reader TO %I', current_user);
EXCEPTION
  WHEN unique_violation OR invalid_grant_operation THEN NULL;
  WHEN insufficient_privilege THEN
    IF NOT (pg_has_role('quixess_writer', 'MEMBER') AND pg_has_role('quixess_reader', 'MEMBER')) THEN
      RAISE;
    END IF;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO quixess_writer;
REVOKE UPDATE, DELETE ON audit, intake, event, attempt, outcome FROM quixess_writer;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['connection', 'template', 'contact', 'phone_alias', 'conversation', 'message',
    'message_status', 'parked_status', 'event', 'endpoint', 'delivery', 'attempt', 'outcome', 'audit', 'feed']
  LOOP
    EXECUTE format('GRANT SELECT ON %I TO quixess_reader', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY writer_sees_all ON %I TO quixess_writer USING (true) WITH CHECK (true)', name);
    -- After a transaction the setting reads '' and not NULL: without nullif the cast would fail.
    EXECUTE format('CREATE POLICY reader_sees_its_brand ON %I FOR SELECT TO quixess_reader '
      'USING (brand_id = nullif(current_setting(''quixess.brand'', true), '''')::uuid)', name);
  END LOOP;
END $$;
