#!/bin/sh
# Stands in for drbdsetup: plays the file `events` beside it in the way that the file `mode` names.
here=${0%/*}
printf '%s\n' "$*" >> "$here/calls"
if [ "$1" = status ]; then
    [ -f "$here/status" ] && exec cat "$here/status"
    echo "drbdsetup: unrecognized option '--json'" >&2
    exit 20
fi
[ "$1" = events2 ] || exit 1

# Answers questions until it is told no more of them; what is asked is noted.
stay() {
    while read -r line; do
        printf '%s\n' "$line" >> "$here/asked"
        [ -f "$here/counters" ] && cat "$here/counters"
    done
    exit 0
}

case $(cat "$here/mode") in
whole)
    cat "$here/events"
    stay
    ;;
plain)
    # That of 8.4 and of old drbd-utils.
    for option; do
        case $option in
        --full | --poll)
            echo "drbdsetup: unrecognized option '$option'" >&2
            exit 20
            ;;
        esac
    done
    cat "$here/events"
    exec sleep 1000
    ;;
pieces)
    # A few bytes at a time, cut anywhere.
    dd if="$here/events" bs=37 2>/dev/null
    stay
    ;;
garbled)
    # Between all lines there is one that makes no sense.
    while read -r line; do
        printf '%s\n' "$line"
        printf 'change \001\377 name:r0 :: \n%s\n' "$(printf '%s' "$line" | tr 'a-z' 'A-Z' | cut -c 30-60)"
    done < "$here/events"
    stay
    ;;
endless)
    head -c 100000 "$here/events"
    exec tr '\000' x < /dev/zero
    ;;
garbage)
    exec tr -d '\r' < /dev/urandom
    ;;
overrun)
    cat "$here/events"
    printf -- '- skipped 7\n'
    stay
    ;;
silent)
    exec sleep 1000
    ;;
dying)
    echo 'drbdsetup: no room for netlink messages' >&2
    exit 20
    ;;
esac
