"""Repair: what was stamped by a clock that was ahead gets a time that the clock has reached."""
