#!/bin/sh
# Follows Mandate's events as server-sent events, with curl.
#
# API is the worker's address, STATE a file of this subscriber. Its work is a line for each event, position and event, and the last
# line is the checkpoint, so that a crash neither loses an event nor does its work twice. CURLRC names a file for curl with the key, if
# one is needed: header = "Authorization: Bearer mdt_…"
set -eu
api=${API:-http://127.0.0.1:8081}
touch "${STATE:?}"

while :; do
    # A line that a crash has cut off was not done.
    if [ -s "$STATE" ] && [ "$(tail -c 1 "$STATE" | wc -l)" -eq 0 ]; then
        sed -i '$d' "$STATE"
    fi
    last=$(tail -n 1 "$STATE" | cut -f 1)
    # The service says something every 10 seconds; a connection that is silent for 30 is dead.
    curl --silent --show-error --no-buffer --fail --speed-limit 1 --speed-time 30 ${CURLRC:+--config "$CURLRC"} \
        "$api/api/v1/events/stream?after=${last:-0}" |
        while IFS= read -r line; do
            case $line in
            "id: "*) position=${line#id: } ;;
            "data: "*) printf '%s\t%s\n' "$position" "${line#data: }" >>"$STATE" ;; # your work
            esac
        done
    sleep 1
done
