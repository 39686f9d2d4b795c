"""The steps: each turns one stage's input into its result, through the ports."""
