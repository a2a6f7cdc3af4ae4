"""Which of the verified trajectories to train on: no copies, nothing of the evaluation, a balance, general replay."""
