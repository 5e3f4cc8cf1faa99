"""The ground: one PostgreSQL, reached by plain SQL. Rooms own their tables; this package owns the way there."""
