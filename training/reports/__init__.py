"""An evaluation as tables, plots and Markdown."""
