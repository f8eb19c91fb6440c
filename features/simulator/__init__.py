"""A simulated retail world with known ground truth: `World(WorldConfig(seed=7)).history()`."""

from features.simulator.world import World, WorldConfig

__all__ = ["World", "WorldConfig"]
