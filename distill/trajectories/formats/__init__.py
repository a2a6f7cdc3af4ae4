"""File formats of training data, each as pure functions between a row and a trajectory."""
