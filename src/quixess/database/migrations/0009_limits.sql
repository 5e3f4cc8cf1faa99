-- Rate limits: one row for each bucket in use.

-- `tat` is when the bucket is empty again (GCRA's theoretical arrival time): microseconds since 1970 by the clock of
-- the database. Whole numbers, because days added to a timestamptz follow the session's time zone. Old rows mean
-- nothing: an hour later the worker deletes them. Keys name a lineage of API keys, or the HMAC of a phone.
DROP TABLE rate_bucket;
CREATE TABLE rate_bucket (
  key text COLLATE "C" PRIMARY KEY,
  tat bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_bucket TO quixess_writer;

ALTER TABLE api_key ADD CHECK (jsonb_typeof(constraints) = 'object');
