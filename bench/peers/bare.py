"""A job without an engine, for the bare clients and the single thread: bytes in, bytes out, state in a dict."""

from collections.abc import Callable

import orjson

from bench.peers import jobs

DECODE = "decode"
NAMES = ("j0", "j1", "j1h", "j2", DECODE)
"""`decode`: no more than that, to tell what the client and the decoder cost. J1P is about re-keying: not here."""


def applied(name: str) -> Callable[[bytes], bytes | None]:
    """The job as a function from a record's value to the output's, or None."""
    decode = jobs.purchase_decoder()
    if name == DECODE:
        return lambda value: None if decode(value) else value
    if name == jobs.STATELESS:
        return lambda value: value if jobs.large_only(decode(value).amount_minor) else None
    return _stateful(jobs.STATEFUL[name], decode)


def _stateful(job: jobs.Job, decode: Callable[[bytes], jobs.Purchase]) -> Callable[[bytes], bytes | None]:
    states: dict[str, jobs.State] = {}
    decide, new_state, state_key, sparse = job.decide, job.new_state, job.state_key, job.sparse

    def apply(value: bytes) -> bytes | None:
        purchase = decode(value)
        amount = purchase.amount_minor
        if sparse and job.skips(amount):
            return None
        customer, at_ms = purchase.customer_id, purchase.occurred_at
        key = state_key(customer, at_ms)
        state = states.get(key)
        if state is None:
            state = states[key] = new_state()
        output = decide(state, customer, purchase.card_id, purchase.transaction_id, amount, at_ms)
        return None if output is None else orjson.dumps(output)

    return apply
