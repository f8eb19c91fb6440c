"""The shop's figures with intervals: cohorts, churn, acquisition, surveys, loyalty."""
