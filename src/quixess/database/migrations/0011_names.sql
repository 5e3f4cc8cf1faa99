-- People are found by their names from the first message on. While a table is small any index that begins with the brand
-- passes for a way to one row, and a plan made then reads all of the brand's people. So each of these serves only those
-- who ask for its own columns: a comparison with them proves the condition, nothing else does.
DROP INDEX contact_phone;
DROP INDEX contact_user;
DROP INDEX conversation_contact;
CREATE UNIQUE INDEX contact_phone ON contact (brand_id, phone) WHERE phone IS NOT NULL;
CREATE UNIQUE INDEX contact_user ON contact (brand_id, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX conversation_contact ON conversation (brand_id, contact_id, connection_id)
  WHERE contact_id IS NOT NULL;
