"""How much CPU an event costs: the pure core alone, then the whole pipeline on a real Kafka and Redis."""
