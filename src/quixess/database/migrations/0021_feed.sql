-- The feed: what changed, for pages that are open now (docs/decisions/0020-the-feed-is-a-hint.md). A row has all that one
-- process has to tell of one brand at a time; rows are written only for brands that somebody watches. Both tables are
-- hints and unlogged: after a crash of PostgreSQL they are empty, and open pages fetch anew.

DROP TABLE feed;

-- `at` is the database's clock: readers go by it, with some overlap, because a row may be seen after a later one.
CREATE UNLOGGED TABLE feed (
  brand_id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  id uuid NOT NULL,
  changes json NOT NULL,
  PRIMARY KEY (brand_id, at, id)
);

-- From `whole_from` on, until `until`, every process writes what it changes for the brand.
CREATE UNLOGGED TABLE feed_watch (
  brand_id uuid NOT NULL,
  whole_from timestamptz NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (brand_id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON feed, feed_watch TO quixess_writer;
GRANT SELECT ON feed, feed_watch TO quixess_reader;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['feed', 'feed_watch']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY writer_sees_all ON %I TO quixess_writer USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY reader_sees_its_brand ON %I FOR SELECT TO quixess_reader '
      'USING (brand_id = nullif(current_setting(''quixess.brand'', true), '''')::uuid)', name);
  END LOOP;
END $$;
