"""Inspect a shop's files never seen before: write a mapping with its reasons and open questions.

`features.inspect.inspect.inspect` is the verb. Each step looks at one kind of thing (layout,
columns, formats, ids, rows, amounts) and writes what it sees into a `Draft`: a line of the mapping
with its reason, or a question where the files alone do not decide.
"""
