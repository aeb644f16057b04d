"""Triggers that guard the card: could this be fraud?"""
