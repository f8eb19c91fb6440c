"""Small exports as real shops have them, one of each kind that once came in wrong.

`export.Export` is an export's files and mapping; `shops` are its ordinary mapping and two shops.
"""
