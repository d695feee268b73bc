# Starts a server and stays with it: stops it, and deletes its data, when nobody has used it for a while.
# keeper RUN HOME POLLS PROGRAM ARGUMENT…
# RUN/use.lock is held, shared, by whoever uses the server. HOME/start.lock is held by whoever starts or ends one.
set -u
# Sent to all of us when our parent dies while the server is frozen; also to whoever loses a terminal.
trap '' HUP
run=$1 home=$2 polls_max=$3
shift 3

"$@" >>"$run/log" 2>&1 </dev/null &
server=$!
echo "$server" >"$run/server.pid"

watch() {
    exec 8<"$run/use.lock" 9<"$home/start.lock"
    polls=0
    while kill -0 "$server" 2>/dev/null; do
        if flock -n -x 8; then
            flock -u 8
            polls=$((polls + 1))
        else
            polls=0
        fi
        if [ "$polls" -gt "$polls_max" ]; then
            # Lock order: start, then use. Whoever waits for the start lock finds no server and starts one.
            flock -x 9
            if flock -n -x 8; then
                : >"$run/ending"
                kill -s QUIT "$server"
                # Frozen ones could not end; Postgres would wait 5 s for its children.
                kill -s CONT "$server" $(cat "/proc/$server/task/$server/children") 2>/dev/null
                while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
                rm -rf "$run/data"
                return
            fi
            flock -u 9
            polls=0
        fi
        sleep 0.5
    done
}
watch &
watcher=$!

wait "$server"
# Ended by the watcher, which then deletes the data, or by its user, who may start it again.
if [ -e "$run/ending" ]; then
    wait "$watcher"
else
    kill "$watcher" 2>/dev/null
fi
