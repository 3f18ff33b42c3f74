#!/usr/bin/env python
"""Commands. `python manage.py help` lists them, `python manage.py doctor` says what is missing."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")
    execute_from_command_line(sys.argv)
