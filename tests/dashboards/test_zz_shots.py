from tests.dashboards.test_mismatch_stories import *
from tests.dashboards.test_mismatch_stories import unit, causes, visit
from tests.dashboards.conftest import observe

def test_shots(causes, add_unit, engineer, visit):
    u = add_unit("GET /orders/{id}", Stage.SIDE_BY_SIDE)
    differ(u, ("status","status","200 → 500"), times=3, caller="android")
    kind = ("type", "string → array")
    for _ in range(3): differ(u, ("$.args.a", *kind), ("$.args.b", *kind), ("$.args.c", *kind), times=40, values=[('"1"','["1"]')]*3)
    for scheme, vp in (("light", {"width":1440,"height":900}), ("dark", PHONE)):
        page = visit(engineer, LIST, color_scheme=scheme, viewport=vp)
        for name, address in (("list", LIST), ("group", f"{LIST}/{causes[0].pk}?hidden=1"), ("form", f"{LIST}/{causes[1].pk}"), ("rules", "/p/shop/rules"), ("preview", "/p/shop/rules?kind=tolerance&path=$.total&reason=known&absolute=1&preview=1"), ("error", "/p/shop/rules?kind=tolerance&path=$&preview=1")):
            page.goto(address); page.wait_for_timeout(900)
            page.screenshot(path=f"/tmp/shots/{name}-{scheme}.png", full_page=True)
