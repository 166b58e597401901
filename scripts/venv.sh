#!/bin/sh
# Make .venv with the Python named. Debian and Ubuntu keep a part of venv in a package of its own: root gets it by apt.
set -u
python=$1
"$python" -m venv .venv >/dev/null 2>&1 && exit 0
rm -rf .venv
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing python3-venv by apt ..."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends python3-venv; } >/dev/null 2>&1 </dev/null
fi
"$python" -m venv .venv && exit 0
rm -rf .venv
echo "No virtual environment could be made with $python. On Debian and Ubuntu: apt install python3-venv" >&2
exit 1
