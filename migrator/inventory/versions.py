"""The counter that orders a project's routing tables.

The commit is the publication: whoever changes what data planes obey raises the counter in the same
transaction and stamps the units that changed. A counter on a locked row, never a sequence: readers of
"greater than what I have" miss commits that a sequence numbered early and finished late.
"""

from django.db import connection, transaction
from django.db.models import F

from migrator.inventory.models import Project

CHANNEL = "migrator_table"


def lock(*, project_id: int) -> Project:
    """Take the project's row for this transaction, so that changes of one project queue up."""
    # Rows that merely point to the project (an endpoint seen in traffic, a data plane) need not queue up.
    return Project.objects.select_for_update(no_key=True).get(pk=project_id)


def advance(*, project_id: int) -> int:
    """Raise the project's version and return it. Waiting polls wake when the transaction commits.

    Must run inside a transaction; locks the project's row until its end.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("advance() must share a transaction with what it publishes")
    Project.objects.filter(pk=project_id).update(version=F("version") + 1)
    version = Project.objects.values_list("version", flat=True).get(pk=project_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(project_id)])
    return version
