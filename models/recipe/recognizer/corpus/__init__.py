"""Speech and features on disk: shards that are either whole or absent."""
