"""What torch models share: the training loop, losses, standardising."""
