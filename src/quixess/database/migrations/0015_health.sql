-- Who is at work: a line for each worker, written anew every ten seconds and deleted a day after the last time.
CREATE TABLE worker_beat (
  id uuid PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT now(),
  at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON worker_beat TO quixess_writer;
