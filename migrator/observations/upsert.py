"""Many rows at once: COPY into a temporary table, then one INSERT … ON CONFLICT.

Measured half again as fast as the driver's pipelined executemany, and five times a statement per row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection
from psycopg import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table, the columns of its key, and what an existing row does with a new one's other columns."""

    table: str
    key: tuple[str, ...]
    kept: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    greatest: tuple[str, ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    """(column, SQL over `old` and `new`) for what the others cannot say."""

    @property
    def columns(self) -> tuple[str, ...]:
        ruled = tuple(name for name, _ in self.rules)
        return self.key + self.kept + self.replaced + self.added + self.least + self.greatest + ruled


def upsert(target: Target, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows, each in the order of `target.columns`, in the order of their keys: so writers never deadlock.

    Must run inside a transaction.
    """
    ordered = sorted(rows, key=lambda row: row[: len(target.key)])
    if not ordered:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, target.columns))
    parts = {"names": names, "table": sql.Identifier(target.table), "draft": sql.Identifier(f"draft_{target.table}")}
    with connection.cursor() as cursor:
        # The draft lives as long as the connection: a new one for every batch would bloat the catalogue.
        cursor.execute(_DRAFT.format(**parts))
        cursor.execute(_CLEAR.format(**parts))
        with cursor.copy(_COPY.format(**parts)) as copy:
            for row in ordered:
                copy.write_row(row)
        cursor.execute(_insert(target, parts))


def as_json(value: Any) -> str:
    """A value as the text of a JSON column."""
    return msgspec.json.encode(value).decode()


_DRAFT = sql.SQL(
    "CREATE TEMP TABLE IF NOT EXISTS {draft} ON COMMIT DELETE ROWS AS SELECT {names} FROM {table} WITH NO DATA"
)
_CLEAR = sql.SQL("DELETE FROM {draft}")
_COPY = sql.SQL("COPY {draft} ({names}) FROM STDIN")
_INSERT = sql.SQL(
    "INSERT INTO {table} AS old ({names}) SELECT {names} FROM {draft} ORDER BY {key} "
    "ON CONFLICT ({key}) DO UPDATE SET {changes}"
)


def _insert(target: Target, parts: Mapping[str, sql.Composable]) -> sql.Composed:
    key = sql.SQL(", ").join(map(sql.Identifier, target.key))
    return _INSERT.format(**parts, key=key, changes=sql.SQL(", ").join(_changes(target)))


def _changes(target: Target) -> Iterable[sql.Composed]:
    forms = {
        "{c} = excluded.{c}": target.replaced,
        "{c} = old.{c} + excluded.{c}": target.added,
        "{c} = LEAST(old.{c}, excluded.{c})": target.least,
        "{c} = GREATEST(old.{c}, excluded.{c})": target.greatest,
    }
    for form, columns in forms.items():
        for column in columns:
            yield sql.SQL(form).format(c=sql.Identifier(column))
    for column, rule in target.rules:
        yield sql.SQL("{c} = " + rule).format(c=sql.Identifier(column))
