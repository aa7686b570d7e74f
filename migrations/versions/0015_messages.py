"""What members are told of decisions about their rows; a question can be taken back.

A question that is taken back was answered by nobody: its state is `withdrawn`, with the moment.
"""

from migrations.words import add_words, rewrite_check, take_words

revision = "0015_messages"
down_revision = "0014_checkin"
branch_labels = None
depends_on = None

MESSAGES = (
    *("moved_waiting", "row_corrected", "question_answered"),
    *("scan_differs", "scan_waits", "scan_entered", "scan_dismissed"),
)
ANSWERED = "(state = 'open') = (answered_at IS NULL) AND ({}) = (answered_by_id IS NULL)"
OF_OPEN = ANSWERED.format("state = 'open'")
OF_UNANSWERED = ANSWERED.format("state IN ('open', 'withdrawn')")


def upgrade() -> None:
    """Let the columns say more."""
    add_words("message", "kind", MESSAGES)
    add_words("dispute", "state", ("withdrawn",))
    rewrite_check("dispute", "answered", OF_OPEN, OF_UNANSWERED)


def downgrade() -> None:
    """Take the words away, with the rows that hold them."""
    rewrite_check("dispute", "answered", OF_UNANSWERED, OF_OPEN)
    take_words("dispute", "state", ("withdrawn",))
    take_words("message", "kind", MESSAGES)
