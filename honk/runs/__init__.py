"""The pipeline of one run: a straight line from request to pull request."""
