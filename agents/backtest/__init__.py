"""Two configs over the same history: what one of them would have sent and the other not. Nothing live is touched."""
