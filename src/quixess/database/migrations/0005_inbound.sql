-- Every inbound type, once: copies of what was not sent through us, calls, users under several names.

-- `source` tells how the row came: `live` as it happened, `echo` sent by the brand from its phone app, `history` from
-- that app's past. `context` is how a message was passed on, `referral` the ad it came from, both as events show them.
ALTER TABLE message
  ADD COLUMN source text NOT NULL DEFAULT 'live' CHECK (source IN ('live', 'echo', 'history')),
  ADD COLUMN context json,
  ADD COLUMN referral json,
  ADD COLUMN group_id text;

-- `preferences`: what the person wants to get, by Meta's category: {"value", "detail", "at" (unix seconds)}.
ALTER TABLE contact
  ADD COLUMN parent_user_id text,
  ADD COLUMN preferences jsonb NOT NULL DEFAULT '{}';

-- Two contacts prove to be one person: their conversations on a number become one, and the other's id leads to it.
ALTER TABLE conversation ADD COLUMN merged_into uuid;
CREATE INDEX conversation_merged ON conversation (brand_id, merged_into) WHERE merged_into IS NOT NULL;
DROP INDEX conversation_contact;
CREATE UNIQUE INDEX conversation_contact ON conversation (brand_id, contact_id, connection_id);

-- A number that its owner gave up led here until then: whoever has it now is somebody else. NULL is for ever.
ALTER TABLE phone_alias ADD COLUMN until timestamptz;
CREATE INDEX phone_alias_contact ON phone_alias (brand_id, contact_id);

-- Meta's user id changes with the number. An old one is given to nobody else.
CREATE TABLE user_alias (
  brand_id uuid NOT NULL,
  user_id text NOT NULL,
  contact_id uuid NOT NULL,
  PRIMARY KEY (brand_id, user_id)
);
CREATE INDEX user_alias_contact ON user_alias (brand_id, contact_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON user_alias TO quixess_writer;
GRANT SELECT ON user_alias TO quixess_reader;
ALTER TABLE user_alias ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_alias FORCE ROW LEVEL SECURITY;
CREATE POLICY writer_sees_all ON user_alias TO quixess_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_sees_its_brand ON user_alias FOR SELECT TO quixess_reader
  USING (brand_id = nullif(current_setting('quixess.brand', true), '')::uuid);
