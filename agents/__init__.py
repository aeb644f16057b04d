"""The shell of Bellwether: everything that touches Kafka, Redis, HTTP, the clock or the disk."""
