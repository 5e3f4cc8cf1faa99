-- Every event, and none lost: endpoints with states of their own, replays as jobs, one pending delivery an event and
-- endpoint.

-- `held_until`: no attempt before it. For a healthy endpoint a wish of the receiver (Retry-After), for a failing one
-- the time of the next probe. `probes` counts the probes that failed since it is failing.
ALTER TABLE endpoint RENAME COLUMN probe_at TO held_until;
ALTER TABLE endpoint
  ADD COLUMN name text NOT NULL DEFAULT '',
  ADD COLUMN probes smallint NOT NULL DEFAULT 0,
  ADD COLUMN headers bytea,
  ALTER COLUMN schedule_s TYPE double precision[] USING schedule_s::double precision[];

-- A second delivery of an event to the same endpoint may only begin when the first has ended: they are the key. Each
-- index of this table is written four times in the life of a delivery.
ALTER TABLE delivery ADD COLUMN replay_id uuid;
SET LOCAL ROLE quixess_writer;  -- the owner sees no row of a tenant
DELETE FROM delivery d USING delivery o
WHERE d.brand_id = o.brand_id AND d.event_id = o.event_id AND d.endpoint_id = o.endpoint_id AND o.id < d.id;
RESET ROLE;
DROP INDEX delivery_event;
ALTER TABLE delivery DROP CONSTRAINT delivery_pkey, ADD PRIMARY KEY (brand_id, event_id, endpoint_id);
CREATE INDEX delivery_replay ON delivery (brand_id, replay_id) WHERE replay_id IS NOT NULL;

-- A probe is an attempt that takes no step of the ladder: it asks whether a failing endpoint answers again.
ALTER TABLE attempt ADD COLUMN probe boolean NOT NULL DEFAULT false;
ALTER TABLE outcome ADD COLUMN replay_id uuid;

-- A durable job that delivers past events again: those of `event_ids`, or everything that failed since a time. `position`
-- is the last event looked at, `last` the newest that counts. One that stopped half-way goes on from its position.
CREATE TABLE replay (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  event_ids uuid[],
  failed_since timestamptz,
  until timestamptz,
  types text[],
  endpoint_id uuid,
  digest bytea NOT NULL,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
  position uuid NOT NULL,
  last uuid NOT NULL,
  seen bigint NOT NULL DEFAULT 0,
  queued bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  gone bigint NOT NULL DEFAULT 0,
  actor text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  next_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id),
  CHECK ((event_ids IS NULL) <> (failed_since IS NULL))
);
CREATE INDEX replay_due ON replay (next_at) WHERE state = 'running';
CREATE UNIQUE INDEX replay_running ON replay (brand_id, digest) WHERE state = 'running';

-- Failures are few among outcomes: what failed since a time is found without reading what did not. The first of the
-- three lists and replays them, the second counts what became of a replay, the third finds the events of a message.
CREATE INDEX outcome_failed ON outcome (brand_id, event_id, endpoint_id) WHERE state <> 'delivered';
CREATE INDEX outcome_replay ON outcome (brand_id, replay_id, state) WHERE replay_id IS NOT NULL;
CREATE INDEX event_message ON event (brand_id, message_id) WHERE message_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON replay TO quixess_writer;
GRANT SELECT ON replay TO quixess_reader;
ALTER TABLE replay ENABLE ROW LEVEL SECURITY;
ALTER TABLE replay FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON replay TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON replay FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
