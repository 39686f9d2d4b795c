"""English audio to timed transcripts and Persian translations, as Dagster assets.

Imports run one way: cli -> definitions -> defs -> wiring -> settings | steps | engines | storage -> ports -> domain.
"""

__version__ = "0.1.0"
