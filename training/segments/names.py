"""Names of tables and columns in SQL."""


def quoted(name: str) -> str:
    """Return the SQL identifier of the table or column `name`.

    >>> quoted('last "order"')
    '"last ""order\"""'
    """
    return '"' + name.replace('"', '""') + '"'
