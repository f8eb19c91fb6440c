"""From scores to what is shown: top-k runs, slates, diversity, reasons."""
