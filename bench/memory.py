"""What the product remembers of forecasts, thrown away: so that a benchmark also sees the first load after a change."""


def forget() -> None:
    """Each forecast, outlook and ranking of moves is made anew when it is asked for next."""
    from migrator.core import forecast, queues, teams, what_if  # noqa: PLC0415 - a benchmark imports what it measures

    for remembered in (forecast._made, teams._made, queues._remembered, what_if._ranked):
        remembered.cache_clear()
