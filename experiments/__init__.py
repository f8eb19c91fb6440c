"""A/B tests of model versions: assignment, exposures, statistics, decision."""
