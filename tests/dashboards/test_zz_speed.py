import time, pytest
from datetime import timedelta
from django.utils import timezone
from django.db import connection
from migrator.core.stages import Stage
from migrator.inventory.models import *
from migrator.observations.models import *
from tests.dashboards.causes import differ

def test_speed(project, service, add_unit, engineer, sign_in):
    now = timezone.now()
    base = add_unit("GET /base"); u0 = add_unit("GET /x/{id}", Stage.CANARY, 200)
    g0 = differ(u0, ("$.price","type","number → string"))
    units = []
    proto = Unit.objects.get(pk=base.pk)
    for n in range(100):
        proto.pk = None; proto.id=None; proto._state.adding = True; proto.key = f"GET /u{n}/{{id}}"; proto.save(); units.append(proto.pk)
    st = list(GroupStatus.values)
    MismatchGroup.objects.bulk_create([MismatchGroup(project=project, unit_id=u, cause=f"c{i}", shape=f"$.a{i}.b{i%7}", kind="type", pattern="number → string", status=st[(i+u)%7], raised_at=now-timedelta(seconds=i*37+u), total=100, count=100, first_seen_at=now, last_seen_at=now, placed=True) for u in units for i in range(500)], batch_size=2000)
    ids = list(MismatchGroup.objects.values_list("pk", flat=True))
    GroupCount.objects.bulk_create([GroupCount(group_id=i, window_start=now.replace(minute=0,second=0,microsecond=0), count=100) for i in ids if i != g0.pk], batch_size=5000)
    Rule.objects.bulk_create([Rule(project=project, kind="ignore", path=f"$.z{i}", reason="x", author="a", created_at=now, expires_at=now+timedelta(days=3), table_version=1) for i in range(300)])
    with connection.cursor() as c: c.execute("ANALYZE")
    client = sign_in(engineer)
    for a in ("", "?status=all", "?search=b3", "?search=zzzz", "?kind=value", "?kind=type&status=new", "?mine=1", f"?unit={units[3]}", f"?status=hidden", f"/{g0.pk}", f"/{ids[777]}"):
        client.get("/p/shop/mismatches"+a)
        t=time.perf_counter(); r = client.get("/p/shop/mismatches"+a); print(a, r.status_code, round((time.perf_counter()-t)*1000), "ms")
    for a in ("", "?state=all", "?kind=ignore&path=$.a3.b3&reason=x&preview=1", "?kind=ignore&path=$..b3&reason=x&preview=1"):
        t=time.perf_counter(); r = client.get("/p/shop/rules"+a); print("rules", a, r.status_code, round((time.perf_counter()-t)*1000), "ms", r.context["preview"] and r.context["preview"].hides.sentence)
    t=time.perf_counter(); r = client.get("/p/shop/mismatches.csv?status=all"); n=sum(map(len, r.streaming_content)); print("csv", n, round((time.perf_counter()-t)*1000))
