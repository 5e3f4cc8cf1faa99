-- Lists that stay flat: conversations by their last activity, a thread by when things were said, messages by their words.

-- Moved by what is said in a conversation, codes excepted, when it moves by more than ten seconds (messages/threads.py):
-- an index on it is written at each move.
ALTER TABLE conversation ADD COLUMN active_at timestamptz NOT NULL DEFAULT now();

-- Not brand first, as before (0001). By the time of the message and not by its id: what a phone app tells of its past
-- has new ids and old times.
DROP INDEX message_thread;
CREATE INDEX message_thread ON message (conversation_id, occurred_at, id);

SET LOCAL ROLE quixess_writer;  -- the owner sees no row of a tenant
UPDATE conversation v SET active_at = coalesce(greatest(v.last_inbound_at, (
  SELECT max(m.occurred_at) FROM message m
  WHERE m.brand_id = v.brand_id AND m.conversation_id = v.id AND m.template_category IS DISTINCT FROM 'AUTHENTICATION'
)), v.created_at);
RESET ROLE;
CREATE INDEX conversation_active ON conversation (brand_id, active_at, id) WHERE merged_into IS NULL;

-- The words of each message, by which it is found. An index of its own kind (GIN) is of no use under row-level security:
-- its operators may tell of rows that the reader must not see, those of uuid and text are proved not to. Bytes decide
-- the order of words, so that those with one beginning are neighbours whatever the language of the database.
CREATE TABLE message_word (
  brand_id uuid NOT NULL,
  word text COLLATE "C" NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (brand_id, word, message_id)
) PARTITION BY RANGE (message_id);

GRANT SELECT, INSERT, DELETE ON message_word TO quixess_writer;
GRANT SELECT ON message_word TO quixess_reader;
ALTER TABLE message_word ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_word FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON message_word TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON message_word FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
