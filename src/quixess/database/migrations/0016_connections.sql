-- Connections made by operators: tokens that open the management API, what Meta tells of a number, and how long an
-- app's secret before the current one still counts.

ALTER TABLE operator_token
  ADD COLUMN pepper_version smallint NOT NULL DEFAULT 1,
  ADD COLUMN last4 text NOT NULL DEFAULT '',
  ADD COLUMN last_used_at timestamptz;

-- `previous_secret` signs webhooks until then; NULL is for good, as in rows from before. `graph_url` is where the app
-- lives: Meta, or a simulator.
ALTER TABLE meta_app
  ADD COLUMN previous_secret_until timestamptz,
  ADD COLUMN graph_url text NOT NULL DEFAULT 'https://graph.facebook.com';
UPDATE meta_app a SET graph_url = c.graph_url FROM connection c WHERE c.app_id = a.id;

-- What Meta told of the number when it was connected, in Meta's words; NULL where nobody asked.
ALTER TABLE connection
  ADD COLUMN quality text,
  ADD COLUMN number_status text,
  ADD COLUMN name_status text,
  ADD COLUMN throughput text,
  ADD COLUMN messaging_limit text;
