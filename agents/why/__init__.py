"""Why and why not: a decision, or a customer, told from the journal, decided again."""
