"""The command line: arguments and exit codes. Each module is a command or a few that belong together."""
