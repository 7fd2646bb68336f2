"""honk: a coding agent that opens pull requests people want to merge."""

__version__ = "0.1.0"
