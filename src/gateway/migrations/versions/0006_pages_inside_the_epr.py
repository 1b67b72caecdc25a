"""pages inside the EPR"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "card_feedback",
        sa.Column("organisation", sa.String(length=12), nullable=False),
        sa.Column("card", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "card", name=op.f("pk_card_feedback")),
    )
    op.create_table(
        "draft",
        sa.Column("organisation", sa.String(length=12), nullable=False),
        sa.Column("epr_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "epr_id", "user_id", "patient_id", name=op.f("pk_draft")),
    )
    op.create_table(
        "form_use",
        sa.Column("organisation", sa.String(length=12), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("interactions", sa.Integer(), nullable=True),
        sa.Column("keystrokes", sa.Integer(), nullable=True),
        sa.Column("experienced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "id", name=op.f("pk_form_use")),
    )
    with op.batch_alter_table("form_use", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_form_use_organisation_opened_at"), ["organisation", "opened_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_form_use_organisation_user_id"), ["organisation", "user_id"], unique=False)

    op.create_table(
        "launch",
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.String(length=12), nullable=False),
        sa.Column("epr_id", sa.String(length=64), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_launch")),
    )
    op.create_table(
        "launch_session",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organisation", sa.String(length=12), nullable=False),
        sa.Column("epr_id", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_launch_session")),
    )
    with op.batch_alter_table("launch_session", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_launch_session_organisation_epr_id_user_id"),
            ["organisation", "epr_id", "user_id"],
            unique=False,
        )

    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(
            "ix_person_merged_into",
            ["merged_into", "organisation"],
            unique=False,
            postgresql_where=sa.text("merged_into IS NOT NULL"),
            sqlite_where=sa.text("merged_into IS NOT NULL"),
        )

    op.create_table(
        "team_request",
        sa.Column("organisation", sa.String(length=12), nullable=False),
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "team", "user_id", name=op.f("pk_team_request")),
    )
    with op.batch_alter_table("referral", schema=None) as batch_op:
        batch_op.add_column(sa.Column("team", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("referrer", sa.Text(), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_referral_organisation_team_updated_at"), ["organisation", "team", "updated_at"], unique=False
        )

    told = (
        "(content::json #>> '{referrer,%s}')"
        if op.get_bind().dialect.name == "postgresql"
        else "json_extract(content, '$.referrer.%s')"
    )
    for name, inside in (("team", "team"), ("referrer", "name")):
        op.get_bind().exec_driver_sql(f"UPDATE referral SET {name} = {told % inside}")  # noqa: S608 - our own words


def downgrade() -> None:
    with op.batch_alter_table("referral", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_referral_organisation_team_updated_at"))
        batch_op.drop_column("referrer")
        batch_op.drop_column("team")

    op.drop_table("team_request")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index("ix_person_merged_into")

    with op.batch_alter_table("launch_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_launch_session_organisation_epr_id_user_id"))

    op.drop_table("launch_session")
    op.drop_table("launch")
    with op.batch_alter_table("form_use", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_form_use_organisation_user_id"))
        batch_op.drop_index(batch_op.f("ix_form_use_organisation_opened_at"))

    op.drop_table("form_use")
    op.drop_table("draft")
    op.drop_table("card_feedback")
