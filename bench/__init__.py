"""How much CPU an event costs: the pure core, the whole pipeline on a real Kafka and Redis, one stage beside others."""
