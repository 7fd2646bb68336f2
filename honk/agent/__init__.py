"""The model's part of a run: the session loop and the judge."""
