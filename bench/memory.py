"""What the product remembers of forecasts, thrown away: so that a benchmark also sees the first load after a change."""


def forget() -> None:
    """Each forecast, outlook and ranking of moves is made anew when it is asked for next."""
    import redis  # noqa: PLC0415 - settings exist once Django is set up
    from django.conf import settings  # noqa: PLC0415

    with redis.Redis.from_url(settings.REDIS_URL) as client:  # the benchmark's own
        client.flushdb()
