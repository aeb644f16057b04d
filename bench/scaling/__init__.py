"""How cost, memory and recovery grow: with workers, with customers, with triggers."""
