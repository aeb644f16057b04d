"""The demo: seeded, labelled data that shows whether the triggers fire when they should, and only then."""
