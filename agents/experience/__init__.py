"""Experience that learners learn from: rollouts, replay buffers, image augmentation."""
