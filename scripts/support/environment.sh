# Makes the Python environment that the commands in scripts/ run in. Sourced by them, with bash.
#
# Needs CPython 3.11 to 3.14 with its venv module, and nothing else. Everything comes from the lock
# files, checked against their hashes; our two packages follow, without dependencies. A stamp,
# written last, tells a later call that nothing is left to do.

ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
VENV=$ROOT/.venv

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

# Make $VENV hold what requirements/$1.lock lists: "run" to serve, "dev" to develop as well.
make_environment() {
    local wanted=$1
    # Two commands started at once: the second waits. The lock goes with file descriptor 9.
    exec 9>"$ROOT/.venv.lock"
    if is_environment_ready "$wanted"; then
        exec 9>&-
        return
    fi
    find_python
    "$PYTHON" -c "$LOCK" || fail "$VENV.lock cannot be locked."
    if ! is_environment_ready "$wanted"; then
        build_environment "$wanted"
    fi
    exec 9>&-
}

# The development environment holds all that serving needs, at the same versions.
is_environment_ready() {
    local kind
    for kind in dev run; do
        if [ "$1" = dev ] && [ "$kind" = run ]; then
            continue
        fi
        if [ -x "$VENV/bin/python" ] &&
            [ "$(cat "$VENV/$kind.stamp" 2>/dev/null)" = "$(stamp_of "$kind")" ]; then
            return 0
        fi
    done
    return 1
}

# What an environment depends on: its place, its locks, and how our packages are built.
stamp_of() {
    printf '%s\n' "$ROOT"
    (cd "$ROOT" && cksum "requirements/$1.lock" requirements/pydal3.lock \
        packages/bilayer/pyproject.toml services/flask-backend/pyproject.toml)
}

build_environment() {
    local wanted=$1
    rm -f "$VENV/dev.stamp" "$VENV/run.stamp"
    if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        say "Making .venv with $("$PYTHON" -V)"
        "$PYTHON" -m venv --clear "$VENV" || fail "$PYTHON could not make $VENV."
    fi
    say "Installing the packages of requirements/$wanted.lock (the first time takes a minute)"
    install_quietly --require-hashes --only-binary :all: -r "$ROOT/requirements/$wanted.lock"
    say "Installing bilayer and flask-backend"
    install_quietly --no-index --no-deps --no-build-isolation \
        -e "$ROOT/packages/bilayer" -e "$ROOT/services/flask-backend"
    if [ "$wanted" = dev ]; then
        # The other line of PyDAL, on which the value round trips run as well; not on sys.path.
        install_quietly --require-hashes --upgrade --target "$VENV/pydal3" \
            -r "$ROOT/requirements/pydal3.lock"
    fi
    stamp_of "$wanted" >"$VENV/$wanted.stamp"
}

# Make $VENV/sqlmap hold what requirements/scan.lock lists; only its own command starts it.
install_scanner() {
    [ "$(cat "$VENV/sqlmap.stamp" 2>/dev/null)" != "$(cksum <"$ROOT/requirements/scan.lock")" ] ||
        return 0
    install_quietly --require-hashes --only-binary :all: --upgrade --target "$VENV/sqlmap" \
        -r "$ROOT/requirements/scan.lock"
    cksum <"$ROOT/requirements/scan.lock" >"$VENV/sqlmap.stamp"
}

# Make $VENV/bench hold what requirements/bench.lock lists, beside what the service runs with.
install_peers() {
    [ "$(cat "$VENV/bench.stamp" 2>/dev/null)" != "$(cksum <"$ROOT/requirements/bench.lock")" ] ||
        return 0
    install_quietly --require-hashes --only-binary :all: --upgrade --target "$VENV/bench" \
        -r "$ROOT/requirements/bench.lock"
    cksum <"$ROOT/requirements/bench.lock" >"$VENV/bench.stamp"
}

# Run pip, and of its output show only which packages it fetches, and its errors.
install_quietly() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONPATH='' "$VENV/bin/python" -m pip install \
        --no-input --no-warn-script-location "$@" |
        sed -n 's/^Collecting \([^ ]*\).*/  \1/p' ||
        fail "pip could not install; its message stands above."
}

# Set PYTHON to an interpreter we can use: $PYTHON, python3, or one whose name has the version.
find_python() {
    local candidate seen=''
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null || continue
        case $("$candidate" -c "$PYTHON_PROBE" 2>/dev/null) in
            usable)
                PYTHON=$candidate
                return
                ;;
            no-venv) seen="$seen
  $candidate lacks venv or ensurepip (Debian, Ubuntu: apt-get install python3-venv)" ;;
            *) seen="$seen
  $candidate is $("$candidate" -V 2>&1 | head -n 1)" ;;
        esac
    done
    fail "CPython 3.11 to 3.14 with its venv module is needed. Found:${seen:-
  no python3 at all}
Install one, or name it: PYTHON=/path/to/python3 $0"
}

PYTHON_PROBE='
import sys
if sys.implementation.name == "cpython" and (3, 11) <= sys.version_info[:2] <= (3, 14):
    try:
        import ensurepip, venv
        print("usable")
    except ImportError:
        print("no-venv")
'

LOCK='
import fcntl
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Waiting for another command that makes .venv")
    fcntl.flock(9, fcntl.LOCK_EX)
'
