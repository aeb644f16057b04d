"""Planted situations, one module for each kind: its roles, and what happens to a customer who has one.

Each module has `ROLES`: the roles that it plants, dealt out to customers in turn (`agents.demo.roles`).
"""
