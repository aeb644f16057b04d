"""Real workers, a real Kafka and a real Redis, and everything that may go wrong done to them; then the oracle."""
