"""Triggers that keep the customer: are we about to lose this one?"""
