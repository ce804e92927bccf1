"""Warnings that a user may want to catch."""

__all__ = ["TaskColumnWarning"]


class TaskColumnWarning(UserWarning):
    """The task column does not look like one: an earlier step may have changed it.

    Issued at fit when a table has more task labels than half its rows, or when most
    labels stand on one row only, as happens after scaling, projecting or oversampling
    the column. Keep it out of such steps with :func:`skmtl.compose.keep_task`.
    """
