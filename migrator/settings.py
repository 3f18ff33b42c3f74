"""Settings come from the environment alone. The table of them stands in the README.

Where DATABASE_URL or REDIS_URL is not set, they point at the servers that `make up` embeds for this checkout.
"""

import warnings
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from migrator.api.introduction import DESCRIPTION
from migrator.local import addresses

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or addresses.secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

DATABASES = {"default": env.db_url_config(env.str("DATABASE_URL", default="") or addresses.database_url())}
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
REDIS_URL = env.str("REDIS_URL", default="") or addresses.redis_url()

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "migrator.inventory",
    "migrator.access",
    "migrator.ledger",
    "migrator.telling",
    "migrator.observations",
    "migrator.gates",
    "migrator.removal",
    "migrator.rollout",
    "migrator.planning",
    "migrator.dataplane",
    "migrator.api",
    "dashboards",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboards.middleware.SignedIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboards.middleware.ReaderClock",
    "dashboards.middleware.FirmNumbers",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboards.context.shell",
            ],
        },
    }
]

ROOT_URLCONF = "migrator.urls"
WSGI_APPLICATION = "migrator.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
# A language is offered once its texts are in locale/: a page must not mix two. See docs/translation.md.
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Behind HTTPS, cookies travel over HTTPS only. A fresh machine serves plain HTTP on loopback.
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# An image is built with its static files collected, hashed and compressed. A checkout serves them from where they lie:
# collecting would add most of a minute to the first `make up`.
COLLECTED = STATIC_ROOT.is_dir()
WHITENOISE_USE_FINDERS = not COLLECTED
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)  # WhiteNoise, about just that
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "dashboards.finders.PlotlyFinder",
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "migrator.api.authentication.TokenAuthentication",
        "migrator.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["migrator.api.parsing.StrictJSON"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "migrator.api.pagination.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "migrator.api.problems.handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Migrator",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "SideEnum": ["legacy", "candidate"],
        "GroupStatusEnum": ["new", "ongoing", "regressed", "escalating", "accepted", "archived", "hidden"],
        "ReopenedEnum": ["ongoing"],
        "SettledAsEnum": ["noise", "race", "accepted", "bug", "archived"],
        "RuleKindEnum": ["ignore", "tolerance", "unordered", "normalise", "map", "accept"],
        "UnitKindEnum": "migrator.inventory.models.Kind",
        "DoneStageEnum": ["cutover", "removed"],
        "LinkKindEnum": "migrator.ledger.models.Kind",
        "LayerKindEnum": ["project", "service", "team", "operation", "risk", "unit"],
        "LayerTargetEnum": ["service", "team", "operation", "risk", "unit"],
        "ChannelKindEnum": "migrator.telling.models.ChannelKind",
        "SeverityEnum": "migrator.telling.models.Severity",
        "EventEnum": "migrator.telling.models.Event",
        "AlertStatusEnum": ["firing", "resolved"],
    },
}

PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
"""Where people reach these pages: what links in messages begin with."""

OUTGOING_ALLOW = env.list("OUTGOING_ALLOW", default=[])
"""Networks of this machine itself that messages may be sent to, such as 127.0.0.0/8. Metadata services never are."""
PAGERDUTY_URL = env.str("PAGERDUTY_URL", default="https://events.pagerduty.com/v2/enqueue")
"""Where PagerDuty takes events; https://events.eu.pagerduty.com/v2/enqueue for accounts in Europe."""

OVERRIDES_DIR = env.str("OVERRIDES_DIR", default="")
"""Where rollbacks are written while the database is away, for data planes to obey. Command and front share it.
Empty is `overrides` beside the other data of this checkout."""

REPORT_SHARDS = env.int("REPORT_SHARDS", default=4)
"""Redis streams that reports are spread over; each is drained by one worker at a time."""

CELERY_BROKER_URL = addresses.broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 180,
    # A task that died with its worker comes back within seconds, not minutes.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "global_keyprefix": "migrator:celery:",
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A line for each tick of each second says nothing.
    "loggers": {key: {"level": "WARNING"} for key in ("celery.worker.strategy", "celery.app.trace", "celery.beat")}
    # Addresses that messages are sent to are secrets, and these two name them.
    | {key: {"level": "ERROR"} for key in ("urllib3", "requests")},
}
