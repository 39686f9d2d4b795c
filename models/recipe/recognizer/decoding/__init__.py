"""From sentences and pronunciations to the graph that libvosk searches."""
