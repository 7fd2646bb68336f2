"""What became of pull requests on forges that are not honk's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "fates",
        sa.Column("repo", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("opened_at", sa.String),
        sa.Column("closed_at", sa.String),
        sa.Column("merge_sha", sa.String),
        sa.Column("reverted_by", sa.String, nullable=False),
        sa.Column("told_by", sa.String, nullable=False),
    )
