"""Settings -> engines and stores: the one place where things are put together."""
