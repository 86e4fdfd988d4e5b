"""What learners learn from: rollouts, replays, changed images."""
