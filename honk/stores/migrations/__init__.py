"""Alembic's scripts, shipped with the code. ``honk.stores.database`` runs them; people need not."""
