"""how far polls have come, and that no change is stored behind them

A later migration that makes table resource anew on SQLite (batch_alter_table does, for some changes) loses the trigger
there, and must create it again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# At the end of the transaction, so that nobody waits for a lock of its rows while it holds this one; the statements of
# the function see what others have committed by then (READ COMMITTED). The lock is that of store.polls.
POSTGRESQL = (
    """
CREATE FUNCTION refuse_behind_poll_mark() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    closed timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(NEW.organisation, 4));
    SELECT at INTO closed FROM poll_mark WHERE organisation = NEW.organisation AND type = NEW.type;
    IF closed >= NEW.updated_at THEN
        RAISE EXCEPTION 'polls have gone past the time of this change' USING
            ERRCODE = 'PM001', DETAIL = to_char(closed AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE CONSTRAINT TRIGGER behind_poll_mark AFTER INSERT ON resource
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_behind_poll_mark()
""",
)

SQLITE = (
    """
CREATE TRIGGER behind_poll_mark BEFORE INSERT ON resource
WHEN EXISTS (
    SELECT 1 FROM poll_mark
    WHERE organisation = NEW.organisation AND type = NEW.type AND at >= NEW.updated_at
)
BEGIN
    SELECT RAISE(ABORT, 'polls have gone past the time of this change');
END
""",
)


def upgrade() -> None:
    op.create_table(
        "poll_mark",
        sa.Column("organisation", sa.String(length=12), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "type", name=op.f("pk_poll_mark")),
    )
    for statement in POSTGRESQL if _is_postgresql() else SQLITE:
        op.get_bind().exec_driver_sql(statement)  # as it is: a colon names no parameter here


def downgrade() -> None:
    op.execute(sa.text("DROP TRIGGER behind_poll_mark" + (" ON resource" if _is_postgresql() else "")))
    if _is_postgresql():
        op.execute(sa.text("DROP FUNCTION refuse_behind_poll_mark"))
    op.drop_table("poll_mark")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
