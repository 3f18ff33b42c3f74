"""Which of 10,000 buckets a subject falls into.

The same rule as Envoy's header hash where no cohort is set, so every data plane agrees.
Raising a share never moves anybody back: the candidate answers while bucket < share.
"""

from xxhash import xxh64_intdigest

BUCKETS = 10_000


def bucket(subject: str, cohort: str | None = None) -> int:
    """The subject's bucket, 0 to 9,999: xxh64 with seed 0 over the UTF-8 bytes, modulo 10,000.

    Units with the same cohort share their buckets; another cohort deals the cards anew. Bytes that
    were no UTF-8 (read with `surrogateescape`) are hashed as they were.
    """
    text = subject if cohort is None else f"{cohort}:{subject}"
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogatepass")
    return xxh64_intdigest(raw) % BUCKETS
