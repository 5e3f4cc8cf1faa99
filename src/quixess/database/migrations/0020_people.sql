-- People: how operators sign in, what they may do for which brand, and the links that let them in the first time.

-- `totp_since` is NULL while a second factor is being set up; `totp_step` is the last step (30 s) that was used, so
-- that a code opens once.
ALTER TABLE operator
  ADD COLUMN totp_since timestamptz,
  ADD COLUMN totp_step bigint NOT NULL DEFAULT 0;

-- `inbox` opens the inbox to a developer.
ALTER TABLE membership
  ADD COLUMN inbox boolean NOT NULL DEFAULT false,
  ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX membership_brand ON membership (brand_id);

-- The hash changes with every new token, the id stays: a person sees it in the list of their sessions. `brand_id` is
-- the brand they look at.
ALTER TABLE session
  ADD COLUMN id uuid NOT NULL UNIQUE,
  ADD COLUMN brand_id uuid REFERENCES brand (id) ON DELETE SET NULL,
  ADD COLUMN address text,
  ADD COLUMN agent text;
CREATE INDEX session_operator ON session (operator_id);

-- Codes for a lost phone, each good once.
CREATE TABLE recovery_code (
  operator_id uuid NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
  code_hash bytea NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (operator_id, code_hash)
);

-- What opens a door once, for a while: the first set-up, an invitation, a new password, the second half of a log-in.
CREATE TABLE link (
  token_hash bytea PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('setup', 'invitation', 'reset', 'second_factor')),
  operator_id uuid REFERENCES operator (id) ON DELETE CASCADE,
  brand_id uuid REFERENCES brand (id) ON DELETE CASCADE,
  email text,
  role text CHECK (role IN ('owner', 'admin', 'developer', 'agent')),
  inbox boolean NOT NULL DEFAULT false,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX link_brand ON link (brand_id) WHERE brand_id IS NOT NULL;
CREATE INDEX link_operator ON link (operator_id) WHERE operator_id IS NOT NULL;

-- Tries to sign in, by the HMAC of account and address: after a few, each has to wait longer than the one before.
CREATE TABLE sign_in_delay (
  key bytea PRIMARY KEY,
  tries integer NOT NULL,
  last_at timestamptz NOT NULL DEFAULT now(),
  until timestamptz NOT NULL
) WITH (fillfactor = 70);

GRANT SELECT, INSERT, UPDATE, DELETE ON recovery_code, link, sign_in_delay TO quixess_writer;
