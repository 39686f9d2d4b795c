"""Storage: where every file lies, the SQL record and its migrations, atomic writes, models on disk."""
