"""The base class of all errors that a user can fix."""


class UserError(Exception):
    """Wrong input or state; the message says what is wrong and what to do."""
