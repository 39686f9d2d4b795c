"""`python -m asr_pipeline`: the command line."""

from asr_pipeline.cli.main import main

main()
