# shellcheck shell=bash
# Sourced: starts a real OpenSearch node on the loopback, from jars of Maven Central (versions in pom.xml, digests in
# jars.sha256). Sets `url`, the node's, and `home`, a folder that goes with it; the node ends with the script.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../../.."
jars=$PWD/target/tools/search

# Ends the script, naming the programs that are not there: `needs PROGRAM PACKAGE…`.
needs() {
    local missing=()
    while [ $# -gt 0 ]; do
        command -v "$1" > /dev/null || missing+=("$1 ($2)")
        shift 2
    done
    if [ ${#missing[@]} -gt 0 ]; then
        printf 'missing: %s\n' "${missing[@]}" >&2
        exit 1
    fi
}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
needs mvn "Debian: maven" "$java" "11 to 21; Debian: openjdk-17-jdk-headless"

if ! (cd "$jars" 2> /dev/null && sha256sum --quiet --check "$here/jars.sha256" 2> /dev/null); then
    rm -rf "$jars"
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars"
    (cd "$jars" && sha256sum --quiet --check "$here/jars.sha256")
fi

home=$(mktemp -d)
mkfifo "$home/stdin"
"$java" -Xms512m -Xmx1g -XX:+UseSerialGC -cp "$jars/*" "$here/SearchServer.java" "$home" \
    < "$home/stdin" > "$home/out" 2> "$home/err" &
server=$!
exec 9> "$home/stdin"
# It ends with its standard input.
end_node() {
    exec 9>&-
    wait "$server" || true
    rm -rf "$home"
}
trap end_node EXIT

for _ in $(seq 120); do
    url=$(sed -n 's/^listening on //p' "$home/out")
    [ -n "$url" ] && break
    kill -0 "$server" 2> /dev/null || break
    sleep 1
done
if [ -z "${url:-}" ]; then
    echo "the search server did not start:" >&2
    tail -20 "$home/err" >&2
    exit 1
fi
