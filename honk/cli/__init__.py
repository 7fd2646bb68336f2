"""The command line. Declarations in ``main``; everything heavy is imported inside the commands."""
