"""What came of decisions: verdicts, responses, uplift over the hold-out group, silence; and what to learn from it."""
