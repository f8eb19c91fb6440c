"""From a shop's files to point-in-time features: adapters, canonical tables, snapshots, Feast."""
