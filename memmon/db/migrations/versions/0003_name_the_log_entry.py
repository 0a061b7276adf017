"""Name the notification log entry that a message carries"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE notification RENAME COLUMN told TO log_entry")
