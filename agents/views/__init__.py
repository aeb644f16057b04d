"""What Redis shows of the customers: rebuildable from the state at any time, and never asked by a decision.

| key | type | holds |
|---|---|---|
| `bellwether:customer:{id}` | hash | `document` (JSON), `position` (journal offset), `partition` |
| `bellwether:customers-at-risk` | sorted set | customer id by risk x value, minor units |
| `bellwether:views` | hash | partition -> the lease of the worker that writes it |

The lease does two things. Whoever takes a partition over writes its own, so a worker that was frozen, or a write that
was stuck on a dead connection, can't bring back a customer who was forgotten meanwhile (a deleted view has no position
to compare with). And a lease that is missing says that this Redis was emptied: the partition is then written anew.
"""

from agents.views.drafts import Describe
from agents.views.views import Views

__all__ = ["Describe", "Views"]
