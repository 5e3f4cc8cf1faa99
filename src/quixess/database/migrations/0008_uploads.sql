-- Files of the brand's own: uploaded to us, kept like a customer's, and by which id Meta knows a file, for each number.

-- A row is `uploading` from the moment its bytes are safe until Meta has them: nobody knows its id yet. A file from
-- Meta came with a message and has Meta's id from the beginning; an upload has neither.
ALTER TABLE media
  ADD COLUMN source text NOT NULL DEFAULT 'meta' CHECK (source IN ('meta', 'upload')),
  ALTER COLUMN message_id DROP NOT NULL,
  ALTER COLUMN meta_id DROP NOT NULL,
  DROP CONSTRAINT media_state_check,
  ADD CONSTRAINT media_state_check CHECK (state IN ('waiting', 'stored', 'failed', 'gone', 'uploading')),
  ADD CONSTRAINT media_origin_check CHECK (source = 'upload' OR (message_id IS NOT NULL AND meta_id IS NOT NULL));
CREATE INDEX media_unfinished ON media (created_at) WHERE state = 'uploading';

-- Meta keeps an upload for 30 days, for the number it was uploaded to. `uploaded_at` is when Meta took it.
CREATE TABLE media_handle (
  brand_id uuid NOT NULL,
  media_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  meta_id text NOT NULL,
  uploaded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (brand_id, media_id, connection_id),
  FOREIGN KEY (brand_id, media_id) REFERENCES media (brand_id, id) ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON media_handle TO quixess_writer;
GRANT SELECT ON media_handle TO quixess_reader;
ALTER TABLE media_handle ENABLE ROW LEVEL SECURITY;
ALTER TABLE media_handle FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON media_handle TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON media_handle FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
