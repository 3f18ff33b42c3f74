"""What the REST document begins with: what holds for many calls. Imports nothing, for settings name it."""

from typing import Final

DESCRIPTION: Final = """Move a running service to its replacement, one endpoint and one field at a time.

**Sent again.** Changes that name the header `Idempotency-Key` happen once under one key, for a day: sent again, they
are answered the same. A key that was used for another body or address is refused, 422 `idempotency-key-used`. A
rollback is never refused for its key.

**What takes a second person.** Where the policy says so, a step of the ladder is refused, 422 `approval-needed`, and
`ask` says where to ask for it; a policy or a waiver is asked for by sending it again with `?ask=true`. Whoever approves
carries it out, at once. A token and the person who made it are one person: neither approves what the other asks for,
and no token approves. Of many units flipped at once each is asked for by itself.

**An emergency.** `break_glass` on the flip of one unit, with a `code` of the caller's second factor, passes whatever
holds but the proof of removal. Only people have codes, and each code works once, so an `Idempotency-Key` is not looked
at there. Rolling back needs none of this, ever.
"""
