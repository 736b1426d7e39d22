"""Notifications whose time may pass before they are shown."""

from textual.notifications import Notification

LEAST_SECONDS = 0.1


class Notice(Notification):
    """Textual's (seen in 8.2) makes a timer of the time left, and one of less than nothing never lets go of the loop.

    That time passes unseen where the machine is busy, or where somebody sets its clock.
    """

    @property
    def time_left(self) -> float:
        return max(LEAST_SECONDS, super().time_left)

    @property
    def has_expired(self) -> bool:
        return super().time_left <= 0
