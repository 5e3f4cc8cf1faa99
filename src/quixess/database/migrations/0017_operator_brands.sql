-- An operator token may be for some brands only; NULL is for all, as before.

ALTER TABLE operator_token
  ADD COLUMN brand_ids uuid[] CHECK (cardinality(brand_ids) > 0);
