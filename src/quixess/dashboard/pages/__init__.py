"""The pages, one file each: its declarations in `PAGES`, its handlers, and what its templates are given."""
