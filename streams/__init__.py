"""What flows through Bellwether and what follows from it: pure, standard library and msgspec only."""
