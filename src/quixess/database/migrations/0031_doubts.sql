-- Older versions may go on beside this.
-- How old a doubt is tells PostgreSQL's clock: that of a gateway may have been minutes off when it claimed the send.

ALTER TABLE unsettled ADD COLUMN since timestamptz NOT NULL DEFAULT now();
