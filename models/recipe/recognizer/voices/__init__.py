"""Who speaks: Debian's synthesizers, the human digits, and sounds that are no speech."""
