"""What stands in a workspace: its figures, and the doubts about them, each with a way on."""
