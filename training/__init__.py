"""Models, their baselines, their evaluation, tuning and registry."""
