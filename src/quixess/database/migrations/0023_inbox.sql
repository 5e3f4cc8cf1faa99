-- The inbox: what people say among themselves about a conversation, and what they say again and again to customers.
-- Who takes care of a conversation, and whether it is done, stand in the conversation (`assignee`, `state`).

-- Seen by the brand's people only. A conversation that was taken up by another keeps its notes, which are found by both.
CREATE TABLE note (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  author uuid NOT NULL,
  text text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id)
);
CREATE INDEX note_conversation ON note (brand_id, conversation_id, created_at, id);

-- An answer that is written once: `/shortcut` in the composer puts it there.
CREATE TABLE canned_reply (
  brand_id uuid NOT NULL,
  id uuid NOT NULL,
  shortcut text COLLATE "C" NOT NULL,
  text text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, id),
  UNIQUE (brand_id, shortcut)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON note, canned_reply TO quixess_writer;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['note', 'canned_reply']
  LOOP
    EXECUTE format('GRANT SELECT ON %I TO quixess_reader', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY writer_sees_all ON %I TO quixess_writer USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY reader_sees_its_brand ON %I FOR SELECT TO quixess_reader '
      'USING (brand_id = nullif(current_setting(''quixess.brand'', true), '''')::uuid)', name);
  END LOOP;
END $$;
