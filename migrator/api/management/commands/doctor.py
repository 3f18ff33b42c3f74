"""`manage.py doctor`: what is configured, reachable, missing. Exit code 1 where something is wrong."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from migrator.api.examination import Finding, examine


class Command(BaseCommand):
    help = "Say what is configured, reachable and missing, with a remedy for each thing that is wrong."
    requires_system_checks = ()  # whatever is broken, the doctor must come

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="findings as one JSON object")
        parser.add_argument("--url", help="where the product is reached, such as https://migrator.example.org")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine(now=timezone.now(), url=options["url"]):
            findings.append(finding)
            if not options["json"]:
                self.stdout.write(line(finding))
        healthy = all(finding.ok for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": healthy, "findings": [told(finding) for finding in findings]}))
        if not healthy:
            sys.exit(1)


def line(finding: Finding) -> str:
    told = f"{'ok' if finding.ok else 'WRONG':6}{finding.name:14}{finding.said}"
    return told if finding.ok else f"{told} -> {finding.remedy}"


def told(finding: Finding) -> dict[str, Any]:
    return {"name": finding.name, "ok": finding.ok, "said": finding.said, "remedy": finding.remedy}
