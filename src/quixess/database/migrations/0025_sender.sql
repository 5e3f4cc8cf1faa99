-- Which of a brand's numbers sends codes and templates: the active one that was chosen last, the oldest where none was.
ALTER TABLE connection ADD COLUMN chosen_at timestamptz;
