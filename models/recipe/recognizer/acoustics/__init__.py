"""From samples to a trained acoustic model: phones, pronunciations, features, LF-MMI."""
