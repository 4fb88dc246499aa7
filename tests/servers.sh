# shellcheck shell=bash
# For tests/run and tests/bench, which source it at the root of the tree: installing what is missing on Debian, one scratch folder,
# private servers, and their end whatever happens. $0 names the command in messages.

install() { # command package: installs the package that has the command, if the command is missing
    type -P "$1" >/dev/null && return # a program: the shell's own kill does not count
    echo "$0: installing $2, which has $1" >&2
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "$2" >&2
}

install_basics() { # what building and any run needs
    if ! command -v cargo >/dev/null; then
        echo "$0: a Rust toolchain is needed; see https://rustup.rs" >&2
        exit 2
    fi
    install cc gcc
    [ -e /usr/include/stdlib.h ] || install stdlib.h libc6-dev
    install kill procps
}

install_servers() { # what tests/server starts
    install setpriv util-linux
    install openssl openssl
    # Packages must not start services of their own: the tests start private servers.
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || RUNLEVEL=1 install postgres postgresql
    [ -e /usr/lib/rabbitmq/bin/rabbitmq-server ] || RUNLEVEL=1 install /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
}

scratch=
running= # the process group of what runs now
servers=()

make_scratch() { # all temporary folders lie in one that is removed at the end, whatever happens
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/mandate-tests-XXXXXX")
    chmod 711 "$scratch" # PostgreSQL runs as a user of its own
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

finish() {
    trap - EXIT
    trap '' INT TERM HUP # a second Ctrl-C must not keep the folder
    # Cargo, the tests and every process that they started are one process group; each server is one of its own.
    for group in $running "${servers[@]}"; do
        kill -KILL -- "-$group" 2>/dev/null || true
        while kill -0 -- "-$group" 2>/dev/null; do sleep 0.05; done
    done
    rm -rf "$scratch"
}

free_port() { # the first of four free ports in a row
    local port offset
    while :; do
        port=$((14000 + RANDOM % 1450 * 4))
        for offset in 0 1 2 3; do
            ! (exec 3<>"/dev/tcp/127.0.0.1/$((port + offset))") 2>/dev/null || continue 2
        done
        echo "$port"
        return
    done
}

ready() { # name, port, group, log: waits until the server takes connections
    for _ in $(seq 600); do
        (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null && return
        kill -0 "$3" 2>/dev/null || break
        sleep 0.1
    done
    echo "$0: $1 does not start:" >&2
    tail -n 20 "$4" >&2
    exit 1
}

start_servers() { # each a process group of its own; they start while something else is built
    set -m
    postgres=$(free_port) rabbitmq=$(free_port)
    tests/server postgres "$scratch/postgres" "$postgres" >"$scratch/postgres.log" 2>&1 &
    servers+=($!)
    tests/server rabbitmq "$scratch/rabbitmq" "$rabbitmq" >"$scratch/rabbitmq.log" 2>&1 &
    servers+=($!)
    disown -a # they are ended by us, which is no news
    set +m
}

await_servers() { # waits until both are there, and tells the tests where
    ready PostgreSQL "$postgres" "${servers[0]}" "$scratch/postgres.log"
    ready RabbitMQ "$((rabbitmq + 1))" "${servers[1]}" "$scratch/rabbitmq.log"
    export MANDATE_TEST_POSTGRES=postgres://owner:owner@127.0.0.1:$postgres/postgres
    export MANDATE_TEST_RABBITMQ=amqp://guest:guest@127.0.0.1:$rabbitmq
}

run() { # a command as a process group of its own, which `finish` ends
    set -m
    "$@" &
    running=$!
    set +m
    wait "$running"
}
