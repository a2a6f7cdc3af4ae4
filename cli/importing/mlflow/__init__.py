"""Taking over the registered models of an MLflow server, over its REST interface alone."""
