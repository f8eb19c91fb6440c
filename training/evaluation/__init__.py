"""How good a model is: judges, metrics, intervals, and the window before a cut."""
