"""How long an action takes: events sent by a schedule that waits for nobody, until a reader has what they lead to."""
