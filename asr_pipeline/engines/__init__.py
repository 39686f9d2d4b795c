"""Engines: each module is the only importer of its vendor, and implements a port."""
