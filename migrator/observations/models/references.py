"""References that the database does not check.

To check one, PostgreSQL locks the row that it points to until the batch is committed, and a flip would have to
wait for the drain.
"""

from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


def loose_reference(model: type[Row]) -> "models.ForeignKey[Row, Row]":
    """A foreign key that the ORM knows and the database does not check: see above."""
    return models.ForeignKey(model, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")
