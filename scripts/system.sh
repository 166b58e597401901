#!/bin/sh
# What the tests need from outside of Python: Java for Spark, a PostgreSQL server to compare with.
# Installs by apt what is missing, where that is possible; elsewhere says what is missing and what is skipped for it.
# Quick and quiet when all is there. Never fails: a test that cannot run skips and says why.
set -u

have_java() {
    java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
    version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ]
}
have_postgres() {
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}
known() { apt-cache show "$1" >/dev/null 2>&1; }

have_java && have_postgres && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # A fresh image has no package lists.
    known postgresql || apt-get update >"$log" 2>&1
    packages=""
    if ! have_java; then
        if known openjdk-17-jre-headless; then packages="openjdk-17-jre-headless"; else packages="default-jre-headless"; fi
    fi
    have_postgres || packages="$packages postgresql"
    echo "Installing$(printf ' %s' $packages) by apt ..."
    install() { apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $packages >>"$log" 2>&1 </dev/null; }
    # Lists that are there may be too old for the mirror: once more with new ones.
    install || { apt-get update >>"$log" 2>&1 && install; } || { echo "apt-get install$(printf ' %s' $packages) failed:" >&2; tail -n 5 "$log" >&2; }
    rm -f "$log"
fi

have_java || echo "No Java 17 or newer: the Spark tests are skipped (Debian: apt install openjdk-17-jre-headless)." >&2
have_postgres || echo "No PostgreSQL server: the comparisons with it are skipped (Debian: apt install postgresql)." >&2
exit 0
