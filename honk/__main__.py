"""``python -m honk`` is ``honk``."""

from honk.cli.main import main

main()
