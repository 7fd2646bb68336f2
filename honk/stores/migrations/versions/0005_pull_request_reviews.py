"""What people do with pull requests of the local forge: approve, merge, close."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for column in (
        sa.Column("approvals", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("opened_at", sa.String),
        sa.Column("closed_at", sa.String),
        sa.Column("closed_by", sa.Text, nullable=False, server_default=""),
        sa.Column("merge_sha", sa.String),
    ):
        op.add_column("pull_requests", column)
