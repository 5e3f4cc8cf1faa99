-- What customers sent as files: one row each, from the webhook that tells of it until retention. The bytes lie on
-- disk under their hash (docs/operations.md); brands that were sent the same bytes share one file and never know.

-- `told_sha256` is what the webhook promised, `sha256` what was stored: both lower-case hex. `reason` says why a
-- file is not there, while it is waiting and for good.
CREATE TABLE media (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  message_id uuid NOT NULL,
  meta_id text NOT NULL,
  mime_type text NOT NULL,
  filename text,
  told_sha256 text,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'stored', 'failed', 'gone')),
  reason text,
  sha256 text,
  size bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  PRIMARY KEY (brand_id, id),
  CHECK (state <> 'stored' OR (sha256 IS NOT NULL AND size IS NOT NULL))
);
CREATE INDEX media_age ON media (created_at);
CREATE INDEX media_hash ON media (sha256) WHERE sha256 IS NOT NULL;

-- Hot and narrow: what is still to be fetched. `doubts` counts the tries that brought something else than Meta told.
-- The index has the brand first, because a claim goes from brand to brand.
CREATE TABLE media_todo (
  id uuid PRIMARY KEY,
  brand_id uuid NOT NULL,
  next_at timestamptz NOT NULL,
  lease uuid,
  tries smallint NOT NULL DEFAULT 0,
  doubts smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX media_todo_due ON media_todo (brand_id, next_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON media, media_todo TO quixess_writer;
GRANT SELECT ON media TO quixess_reader;
ALTER TABLE media ENABLE ROW LEVEL SECURITY;
ALTER TABLE media FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON media TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON media FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
