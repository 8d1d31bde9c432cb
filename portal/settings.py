"""Every setting, read from the environment; docs/deploy.md and the README say what each is for."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal import env, staticheaders

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(env.text("DAYLIGHT_VAR", str(BASE_DIR / "var"))).resolve()
STACK = env.stack(VAR)
SERVICES = STACK.get("services", {})

ORIGIN = env.text("DAYLIGHT_ORIGIN") or STACK.get("url", "http://localhost:8000")
SECURE = urlsplit(ORIGIN).scheme == "https"
DEBUG = False
ALLOWED_HOSTS = [urlsplit(ORIGIN).hostname or "localhost"]
if not SECURE:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [ORIGIN]

# --- secrets: files outside both databases, made once by `manage.py make_keys` and `manage.py ledger_key`
KEY_DIR = Path(env.text("DAYLIGHT_KEY_DIR", str(VAR / "keys")))
KEK_FILES = (KEY_DIR / "kek" / "kek.json", KEY_DIR / "kek-copy" / "kek.json")
SERVER_KEY_FILE = KEY_DIR / "server.key"
LEDGER_KEY_FILE = KEY_DIR / "ledger.key"
OIDC_KEY_FILE = KEY_DIR / "oidc.pem"
SECRET_KEY_FILE = KEY_DIR / "django.key"
# The commands that make the keys run before there are any.
MAKES_KEYS = sys.argv[1:2] in (["make_keys"], ["ledger_key"])


def _secret(path: Path) -> str:
    if path.exists():
        return path.read_text(encoding="utf-8")
    if MAKES_KEYS:
        return "not yet made"
    message = f"{path.name} is missing in {path.parent}: run `manage.py make_keys` first"
    raise ImproperlyConfigured(message)


SECRET_KEY = env.text("DAYLIGHT_SECRET_KEY") or _secret(SECRET_KEY_FILE)
IDP_OIDC_PRIVATE_KEY = _secret(OIDC_KEY_FILE)

# --- what is kept outside the databases
JOURNAL_DIR = Path(env.text("DAYLIGHT_JOURNAL_DIR", str(VAR / "journal")))
CHECKPOINT_DIR = Path(env.text("DAYLIGHT_CHECKPOINT_DIR", str(VAR / "checkpoints")))
KEYRING_DIR = Path(env.text("DAYLIGHT_KEYRING_DIR", str(VAR / "keyring")))
LEDGER_ORIGIN = env.text("LEDGER_ORIGIN", "localhost")

# --- times; drills shorten them
KEK_RENEWAL_SECONDS = env.number("KEK_RENEWAL_SECONDS", 30)
KEY_CACHE_SECONDS = env.number("KEY_CACHE_SECONDS", 60)
REQUEST_LEASE_SECONDS = env.number("REQUEST_LEASE_SECONDS", 60)
SWEEP_SECONDS = env.number("SWEEP_SECONDS", 5)
FOLD_SECONDS = env.number("FOLD_SECONDS", 60)
# Whatever is set, what was added is signed within a minute.
CHECKPOINT_SECONDS = max(1, min(60, env.number("CHECKPOINT_SECONDS", 30)))
BUNDLE_DAYS = env.number("BUNDLE_DAYS", 7)
NAME_STAFF_IN_COPIES = env.flag("NAME_STAFF_IN_COPIES", False)
LEAVER_ACCOUNT_DAYS = env.number("LEAVER_ACCOUNT_DAYS", 90)
LEAVER_KEEPSAKE_DAYS = env.number("LEAVER_KEEPSAKE_DAYS", 90)
LETTERS_DIR = Path(env.text("DAYLIGHT_LETTERS_DIR", str(VAR / "letters")))
LAPSED_CONSENT_DAYS = env.number("LAPSED_CONSENT_DAYS", 30)
API_CALLS_PER_MINUTE = env.number("API_CALLS_PER_MINUTE", 3000)
INGEST_BATCHES_PER_MINUTE = env.number("INGEST_BATCHES_PER_MINUTE", 60)
# Batches that one web process stores at once, and how many more may wait for them; the threads left are for pages.
INGEST_AT_ONCE = env.number("INGEST_AT_ONCE", 4)
INGEST_WAITING = env.number("INGEST_WAITING", 8)

# --- calls to other systems: webhooks, connectors, callbacks
EGRESS_PORTS = [int(port) for port in env.names("EGRESS_PORTS", "443")]
# The company's own systems: only these may stand in private networks.
EGRESS_INTERNAL_HOSTS = env.names("EGRESS_INTERNAL_HOSTS")
# For trying things out on one machine: hosts that are called without TLS.
EGRESS_PLAIN_HOSTS = env.names("EGRESS_PLAIN_HOSTS")
EGRESS_CA_FILE = env.text("EGRESS_CA_FILE")
WEBHOOK_TIMEOUT_SECONDS = env.number("WEBHOOK_TIMEOUT_SECONDS", 15)

# --- OpenDSR: who we are to other systems; without key and certificate it is off
OPENDSR_KEY_FILE = env.text("OPENDSR_KEY_FILE")
OPENDSR_CERTIFICATE_FILE = env.text("OPENDSR_CERTIFICATE_FILE")
OPENDSR_DOMAIN = env.text("OPENDSR_DOMAIN") or urlsplit(ORIGIN).hostname or "localhost"
ALLOWED_HOSTS += [OPENDSR_DOMAIN] if OPENDSR_DOMAIN not in ALLOWED_HOSTS else []
# Which of the company's own systems a program may have called back.
OPENDSR_CALLBACK_HOSTS = env.names("OPENDSR_CALLBACK_HOSTS")
# How often another system is tried before somebody has to look.
STORE_TRIES = env.number("STORE_TRIES", 8)

# --- databases: the owner migrates, backs up and restores; all else is the role without rights to change history
OWNERS_COMMANDS = (["migrate"], ["backup"], ["restore"], ["restore_keyring"], ["replay_journal"])
AS_OWNER = sys.argv[1:2] in OWNERS_COMMANDS or env.flag("DAYLIGHT_AS_OWNER", False)
EMBEDDED_DATABASE = not (env.text("DATABASE_URL") or env.text("DATABASE_APP_URL"))


def _database(owner: str, app: str, service: str) -> dict[str, object]:
    urls = [env.text(app), SERVICES.get(service, ""), env.text(owner)]
    url = next(filter(None, urls), "")
    if AS_OWNER:
        url = env.text(owner) or (env.owners(url, VAR) if EMBEDDED_DATABASE else url)
    return env.database(url, pooled=env.flag("DATABASE_POOL", False))


DATABASES = {
    "default": _database("DATABASE_URL", "DATABASE_APP_URL", "database"),
    "keys": _database("KEYS_DATABASE_URL", "KEYS_DATABASE_APP_URL", "keys_database"),
}
DATABASE_ROUTERS = ["portal.routers.KeysRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL") or SERVICES.get("redis", "redis://127.0.0.1:6379")
CACHES = {
    "default": {
        "BACKEND": "portal.cache.PatientRedisCache",
        "LOCATION": f"{REDIS_URL}/1",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}

# --- the vault: files, or S3 by VAULT_URL=s3://bucket/prefix
VAULT_URL = env.text("VAULT_URL") or SERVICES.get("vault", "")
VAULT_ENDPOINT = env.text("VAULT_S3_ENDPOINT") or SERVICES.get("vault_endpoint", "")
_vault = urlsplit(VAULT_URL)
if _vault.scheme == "s3":
    VAULT_STORAGE = {
        "BACKEND": "portal.vault.s3.VaultS3Storage",
        "OPTIONS": {
            "bucket_name": _vault.netloc,
            "location": _vault.path.strip("/"),
            "endpoint_url": VAULT_ENDPOINT or None,
            "region_name": env.text("AWS_REGION") or env.text("AWS_DEFAULT_REGION") or None,
            # Stores of one's own rarely have a name in DNS for each bucket.
            "addressing_style": env.text("VAULT_S3_ADDRESSING") or ("path" if VAULT_ENDPOINT else None),
            "file_overwrite": True,
        },
    }
else:
    VAULT_STORAGE = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(Path(unquote(_vault.path)) if _vault.path else VAR / "vault")},
    }
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "vault": VAULT_STORAGE,
    "staticfiles": {"BACKEND": "portal.staticstorage.PortalStaticStorage"},
}

# --- Django
INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "portal.oversight",
    "portal.rights",
    "portal.rights.cases",
    "portal.rights.connectors",
    "portal.rights.holds",
    "portal.rights.clocks",
    "portal.rights.leaving",
    "portal.rights.opendsr",
    "portal.rights.redress",
    "portal.rights.retention",
    "portal.events",
    "portal.events.enrolment",
    "portal.people",
    "portal.outbox",
    "portal.register",
    "portal.audit",
    "portal.vault",
    "consent",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "django_htmx",
    "csp",
    "ninja",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.http.SecurityHeaders",
    "portal.events.cors.CollectorOrigins",
    "portal.http.ApiProblems",
    "portal.http.NoNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.people.localtime.LocalTime",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "portal.people.middleware.StaffSecondFactor",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False
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
                "portal.views.site",
            ]
        },
    }
]

# --- sign-in
AUTH_USER_MODEL = "people.Employee"
AUTHENTICATION_BACKENDS = [
    "portal.people.backends.RoleBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "portal.people.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_CHANGE_EMAIL = False
ACCOUNT_MAX_EMAIL_ADDRESSES = 1  # the directory's, and no private one that could take the account over
MFA_ADAPTER = "portal.people.adapter.SealedMFAAdapter"
MFA_FORMS = {
    "authenticate": "portal.people.forms.OnceAuthenticateForm",
    "reauthenticate": "portal.people.forms.OnceReauthenticateForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Daylight"
MFA_TOTP_TOLERANCE = 0
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TRUST_ENABLED = False
USERSESSIONS_TRACK_ACTIVITY = True
IDP_OIDC_ADAPTER = "portal.people.adapter.OIDCAdapter"
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = 3600
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = 90 * 24 * 3600
ALLAUTH_TRUSTED_PROXY_COUNT = env.number("TRUSTED_PROXY_COUNT", 0)
STAFF_SECOND_FACTOR = env.flag("STAFF_SECOND_FACTOR", STACK.get("staff_second_factor", True))
DEMO = env.flag("DAYLIGHT_DEMO", STACK.get("demo", False))

# --- the browser's side of security
_prefix = "__Host-" if SECURE else ""
SESSION_COOKIE_NAME = f"{_prefix}daylight"
CSRF_COOKIE_NAME = f"{_prefix}daylight-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # load balancers ask it inside, without TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ALLAUTH_TRUSTED_PROXY_COUNT else None
SECURE_HSTS_SECONDS = 2 * 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# What is uploaded is a receipt, read in memory: a longer file is dropped as it arrives and never lies on the disk.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
X_FRAME_OPTIONS = "DENY"
# The empty style element and the one fixed rule that plotly's bundle adds; a browser test fails when they move.
PLOTLY_STYLES = [
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, *PLOTLY_STYLES],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- languages, time, files, mail
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "portal.staticfinder.PlotlyFinder",
]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_ADD_HEADERS_FUNCTION = staticheaders.add
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = str(VAR / "mail")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "daylight@localhost")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "portal.logs.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "propagate": True, "level": "INFO"},
        "django.request": {"level": "ERROR"},
        "fontTools": {"level": "WARNING"},
    },
}

# --- Celery: it only wakes; the rows are the queue
CELERY_BROKER_URL = f"{REDIS_URL}/0"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_RETRY_ON_WORKER_LOST = True
CELERY_TASK_ANNOTATIONS = {"*": {"default_retry_delay": 1, "max_retries": 3}}
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SOFT_TIME_LIMIT = 840
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "beat-schedule")
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
