#!/bin/sh
# Starts one role of Migrator. Every setting comes from the environment.
#
#   entrypoint.sh ROLE            become that role
#   entrypoint.sh --check ROLE    say what would be run, without secrets, and whether a setting is missing
#   entrypoint.sh health          whether the role of this container is well (what HEALTHCHECK asks)
#
# Roles: front (the one address; also called dataplane), web, worker, beat, gateway; migrate, which ends; and
# manage, which passes the rest on to manage.py.
# NAME_FILE may stand in for SECRET_KEY, DATABASE_URL, REDIS_URL, PGPASSWORD and MIGRATOR_TOKEN: a file, such as a
# secret that the engine mounts, whose content becomes NAME.
set -eu

fail() {
	echo "entrypoint: $1" >&2
	exit 64
}

from_file() {
	eval "file=\${$1_FILE:-}"
	[ -n "$file" ] || return 0
	[ -r "$file" ] || fail "$1_FILE=$file cannot be read"
	value=$(cat "$file")
	[ -n "$value" ] || fail "$1_FILE=$file is empty"
	export "$1=$value"
	unset "$1_FILE"
}

need() {
	for name in "$@"; do
		eval "value=\${$name:-}"
		[ -n "$value" ] || fail "$role needs $name (or ${name}_FILE)"
	done
}

# Healthy means: the role answers, or has done its work lately. Uses the environment that the role itself has.
health() {
	case "$role" in
	front) answers "http://127.0.0.1:${PORT:-8000}/readyz" ;;
	web) answers "http://127.0.0.1:${WEB_PORT:-8001}/livez" ;;
	gateway) answers "http://127.0.0.1:${MIGRATOR_ADMIN_PORT:-8081}/-/health" ;;
	worker) exec celery -A migrator inspect ping --timeout 5 --destination "celery@$(hostname)" ;;
	beat) [ -n "$(find "$scratch/beat-schedule" -mmin -10 2>/dev/null)" ] ;;
	*) true ;;
	esac
}

answers() {
	exec python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=8)' "$1"
}

scratch=${TMPDIR:-/tmp}
check=
case "${1:-}" in
--check)
	check=yes
	shift
	;;
esac
[ $# -ge 1 ] || fail "say which role: front, web, worker, beat, gateway, migrate or manage"
role=$1
shift
[ "$role" != dataplane ] || role=front

for name in SECRET_KEY DATABASE_URL REDIS_URL PGPASSWORD MIGRATOR_TOKEN; do from_file "$name"; done

if [ "$role" = health ]; then
	role=$(cat "$scratch/role" 2>/dev/null) || fail "no role was started here"
	health
	exit
fi

case "$role" in
front)
	need SECRET_KEY DATABASE_URL REDIS_URL WEB_UPSTREAM
	set -- uvicorn migrator.asgi:application --host 0.0.0.0 --port "${PORT:-8000}" --loop uvloop \
		--no-access-log --no-server-header --timeout-graceful-shutdown 5 "$@"
	;;
web)
	need SECRET_KEY DATABASE_URL REDIS_URL ALLOWED_HOSTS
	set -- gunicorn migrator.wsgi:application --bind "0.0.0.0:${WEB_PORT:-8001}" --worker-class gthread \
		--workers "${WEB_WORKERS:-2}" --threads "${WEB_THREADS:-8}" --worker-tmp-dir /dev/shm \
		--graceful-timeout 5 --no-control-socket "$@"
	;;
worker)
	need SECRET_KEY DATABASE_URL REDIS_URL
	set -- celery -A migrator worker --concurrency "${WORKER_PROCESSES:-2}" --prefetch-multiplier 1 \
		--without-gossip --without-mingle --loglevel INFO "$@"
	;;
beat)
	need SECRET_KEY DATABASE_URL REDIS_URL
	set -- celery -A migrator beat --schedule "$scratch/beat-schedule" --pidfile "" --loglevel INFO "$@"
	;;
migrate)
	need SECRET_KEY DATABASE_URL
	set -- python manage.py migrate --noinput "$@"
	;;
manage)
	need SECRET_KEY DATABASE_URL
	set -- python manage.py "$@"
	;;
gateway)
	need MIGRATOR_CONTROL_PLANE MIGRATOR_TOKEN MIGRATOR_PROJECT
	set -- python -m migrator.gateway --listen "0.0.0.0:${MIGRATOR_LISTEN_PORT:-8080}" \
		--admin "127.0.0.1:${MIGRATOR_ADMIN_PORT:-8081}" --state-dir "${MIGRATOR_STATE_DIR:-/var/lib/migrator}" "$@"
	;;
*) fail "unknown role $role: front, web, worker, beat, gateway, migrate or manage" ;;
esac

if [ -n "$check" ]; then
	echo "$*"
	exit 0
fi
echo "$role" >"$scratch/role"
exec "$@"
