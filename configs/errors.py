"""The root of every error that a user can mend."""


class UserError(Exception):
    """Wrong input or state: its message says what is wrong and what to do."""
