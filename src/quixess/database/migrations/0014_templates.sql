-- Names of templates that were deleted: Meta keeps each from being made anew in its language for 30 days. The rows of
-- older ones go when the next one comes.
CREATE TABLE template_gone (
  brand_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  name text NOT NULL,
  language text NOT NULL,
  gone_at timestamptz NOT NULL,
  PRIMARY KEY (brand_id, connection_id, name, language),
  FOREIGN KEY (brand_id, connection_id) REFERENCES connection (brand_id, id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON template_gone TO quixess_writer;
GRANT SELECT ON template_gone TO quixess_reader;
ALTER TABLE template_gone ENABLE ROW LEVEL SECURITY;
ALTER TABLE template_gone FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON template_gone TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON template_gone FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
