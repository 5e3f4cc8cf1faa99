-- Which failures a job delivers again: those of these states, NULL all of them.
ALTER TABLE replay ADD COLUMN states text[];
