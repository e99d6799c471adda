#!/bin/sh
# Renews the pictures of the documentation: conlab makes the pages, a headless chromium looks at them.
#
#   docs/pictures/renew.sh [CONLAB]        CONLAB: target/release/conlab unless given
#
# Real runs, so on a quiet machine. CHROMIUM names another browser.
set -eu
cd "$(dirname "$0")/../.."
conlab=$(realpath "${1:-target/release/conlab}")
pictures=$PWD/docs/pictures
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT

# shoot NAME SCHEME HEIGHT WIDTH PAGE... shows the pages beside each other, each that wide; 0 is dark, 1 light.
# Frames, because a window has a least width.
shoot() {
    name=$1 scheme=$2 height=$3 width=$4
    shift 4
    printf '<!DOCTYPE html><meta name="color-scheme" content="light dark"><body style="margin:0;display:flex;gap:20px">' > "$pages/frame.html"
    for page in "$@"; do
        printf '<iframe style="border:0;flex:none;width:%spx;height:%spx" src="%s"></iframe>' "$width" "$height" "file://$pages/$page" >> "$pages/frame.html"
    done
    "${CHROMIUM:-chromium}" --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
        --allow-file-access-from-files --user-data-dir="$pages/profile" --hide-scrollbars \
        --blink-settings=preferredColorScheme="$scheme" --virtual-time-budget=3000 \
        --window-size="$(($# * (width + 20) - 20)),$height" --screenshot="$pictures/$name.png" \
        "file://$pages/frame.html" 2>/dev/null
}

cd "$pages"
"$conlab" run --threads 16 --queue lockfree --html run.html --no-save --quiet > /dev/null
"$conlab" run --engine virtual --cores 16 --threads 32 --html virtual.html --no-save --quiet > /dev/null
"$conlab" explain --html explain.html --no-save --quiet > /dev/null
"$conlab" compare --engine virtual --queue mutex,lockfree,async --threads 4,8 --html compare.html --no-save --quiet > /dev/null
"$conlab" whatif --html whatif.html --no-save --quiet > /dev/null
# The guide's shop: its blocks of `sh` up to the second recording.
sed -n '/^cat > shop.awk/,/^END$/p' "$pictures/../guide/import.md" | sh
awk -v size=2 -v seed=1 -f shop.awk > monday.json
"$conlab" import monday.json --out shop.toml > /dev/null
"$conlab" search shop.toml --goal 'p99<36ms' --over pool.connections.size=2..6 --html search.html --no-save --quiet > /dev/null
awk -v size=3 -v seed=2 -f shop.awk > friday.json
"$conlab" replay shop.toml --set pool.connections.size=3 --to friday.json --html replay.html --no-save --quiet > /dev/null
# A page that glides to its anchor would be caught on the way.
sed -i 's/scroll-behavior:smooth/scroll-behavior:auto/' ./*.html
shoot run-light 1 1080 1280 run.html
shoot timeline-dark 0 1150 1280 "run.html#threads"
shoot virtual-light 1 1080 1280 virtual.html
shoot explain-light 1 1400 1280 explain.html
shoot compare-light 1 1400 1280 compare.html
shoot whatif-dark 0 1500 1280 whatif.html
shoot phones-dark 0 1150 390 run.html "run.html#threads" explain.html
shoot bring-search-light 1 800 1280 search.html
shoot bring-replay-light 1 760 1280 replay.html
