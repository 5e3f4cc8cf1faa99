-- Truth: what Meta asked to wait for, and messages that it took and never told of again.

-- Pauses that Meta asked for, of every process alike: a pair of number and person (an HMAC), a number, a WABA, an app.
-- `tries` counts the pauses without a success between them. Nothing stands here on a good day.
CREATE TABLE pause (
  key text COLLATE "C" PRIMARY KEY,
  until timestamptz NOT NULL,
  tries smallint NOT NULL,
  code integer NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Messages per second that Meta takes from the number; NULL as long as nobody has asked. Asked for once a day.
ALTER TABLE connection ADD messages_per_s smallint;
ALTER TABLE connection ADD pace_due_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX connection_pace_due ON connection (pace_due_at) WHERE state = 'active';

-- Messages without any status. A send writes nothing for them: each brand's messages are walked over once, when they
-- are old enough, and those that stand still at `accepted` are found. One process at a time has a brand's turn.
CREATE TABLE gap (
  id uuid PRIMARY KEY,
  brand_id uuid NOT NULL,
  next_at timestamptz NOT NULL,
  tries smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX gap_due ON gap (brand_id, next_at);

CREATE TABLE gap_turn (
  id uuid PRIMARY KEY REFERENCES brand (id),
  walked_to uuid NOT NULL,
  next_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX gap_turn_due ON gap_turn (next_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON pause, gap, gap_turn TO quixess_writer;
