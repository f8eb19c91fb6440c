"""MLflow: registered versions, runs, and the pyfunc that loads a version."""
