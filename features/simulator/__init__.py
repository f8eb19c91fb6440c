"""A retail world with known truth: `World(WorldConfig(seed=7)).history()`."""

from features.simulator.world import World, WorldConfig

__all__ = ["World", "WorldConfig"]
