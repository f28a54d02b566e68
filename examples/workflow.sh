#!/usr/bin/env bash
# A workflow from end to end over HTTP, with curl: four workers, one of them killed and one late; what is stuck; going back to a
# gate; the late result turned away, kept and adopted; the audit, verified. Needs curl: workflow.sh [PROGRAM]
set -euo pipefail
program=$(realpath "${1:-target/release/restage}")
folder=$(mktemp -d)
cd "$folder"
export RESTAGE_DATA=$folder/data
pids=()
trap 'kill -KILL "${pids[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# ask METHOD PATH [BODY]: shows what is asked and answered, and leaves the answer in $answer.
ask() {
    echo "> $1 $2 ${3:-}"
    answer=$(curl -sS -X "$1" "$url$2" -H "Authorization: Bearer $token" ${3:+-H 'Content-Type: application/json' -d "$3"})
    echo "< $answer"
}
# holds TEXT: the last answer has it.
holds() { [[ $answer == *"$1"* ]] || { echo "the answer does not have $1"; exit 1; }; }
# until_holds TEXT METHOD PATH: asks until the answer has it.
until_holds() {
    for _ in $(seq 300); do
        answer=$(curl -sS -X "$2" "$url$3" -H "Authorization: Bearer $token")
        [[ $answer == *"$1"* ]] && { echo "> $2 $3"; echo "< $answer"; return; }
        sleep 0.1
    done
    echo "no answer has $1: $answer"
    exit 1
}
# until_there FILE: waits until a worker's command has made it.
until_there() { for _ in $(seq 300); do [ -e "$1" ] && return; sleep 0.1; done; echo "there is no $1"; exit 1; }
# work NAME COMMAND: a worker of the queue fe, for one task.
work() {
    "$program" worker run --queue fe --once --lease 2s --name "$1" -- sh -c "$2" > "$1.log" 2>&1 &
    pids+=($!)
    last=$!
}

say "The server, and a browser that is signed in by its link"
"$program" serve --listen 127.0.0.1:0 > serve.out 2> serve.log &
server=$!
pids+=("$server")
for _ in $(seq 300); do [ "$(grep -c . serve.out 2>/dev/null || true)" = 2 ] && break; sleep 0.1; done
url=$(head -1 serve.out)
link=$(grep -o 'http[^ ]*link=[^ ]*' serve.out)
curl -sS "$link" | grep -q 'Sign in</button>'
curl -sS -o /dev/null -c jar -H "Origin: $url" --data-urlencode "link=${link#*link=}" "$url/sign-in"
answer=$(curl -sS -b jar "$url/v1/me")
echo "< $answer"
holds '"role":"admin"'
token=$("$program" token create --role admin --label curl)

say "A workflow, and four tasks for the queue fe"
ask POST /workflow/start '{"thread_id": "checkout", "story_id": "STORY-7", "title": "A new checkout"}'
ask POST /v1/workflows/checkout/tasks '{"tasks": [
    {"domain": "fe", "title": "Basket"}, {"domain": "fe", "title": "Address"},
    {"domain": "fe", "title": "Payment"}, {"domain": "fe", "title": "Receipt"}]}'
holds 0-fe-5-4

say "Four workers: two do their work, one is killed, one is paused for longer than its lease"
work late 'cat > late.task; while [ ! -e go ]; do sleep 0.1; done; echo "{\"page\": \"late, but good\"}"; touch late.done'
late=$last
until_there late.task
work doomed 'cat > doomed.task; sleep 600'
doomed=$last
until_there doomed.task
work swift 'cat > /dev/null; echo "{\"page\": \"basket\"}"'
work steady 'cat > /dev/null; echo "{\"page\": \"address\"}"'
until_holds '"results":2' GET /workflow/checkout/status
kill -KILL "$doomed"
kill -STOP "$late"

say "What is stuck, since when, why, and what cures it"
until_holds 'worker late gave no sign of life' GET '/v1/workflows/checkout/tasks?status=waiting'
until_holds 'worker doomed gave no sign of life' GET '/v1/workflows/checkout/tasks?status=waiting'
until_holds '"cure"' GET '/v1/stuck?patience_seconds=0&kind=workflow'

say "Back to the first gate: what it would do, and doing it"
ask POST /v1/workflows/checkout/reset/plan '{}'
holds '"token"'
ask POST /workflow/checkout/reset '{"reset_to_gate": 0, "reason": "the pages have to be designed first"}'
holds '"success":true'
holds '"cleared":{"tasks":4,"results":2,"queues":["fe"]}'
ask GET /workflow/checkout/status

say "The late worker goes on: its result changes nothing, is kept, and taken in by a person"
touch go
until_there late.done
kill -CONT "$late"
wait "$late" || true
cat late.log
until_holds '"task_id":"0-fe-5-1"' GET /v1/workflows/checkout/late-results
orphan=$(sed 's/.*"orphan":\([0-9]*\).*/\1/' <<< "$answer")
ask GET /v1/workflows/checkout/results
holds '"items":[]'
ask POST "/v1/workflows/checkout/orphans/$orphan/adopt" '{"reason": "it is good all the same"}'
ask GET /v1/workflows/checkout/results
holds 'late, but good'

say "Who did what, when and why; and that nobody changed a word of it"
answer=$(curl -sS "$url/v1/audit?kind=workflow" -H "Authorization: Bearer $token" -H 'Accept: application/x-ndjson')
echo "$answer"
holds '"verb":"reset"'
holds '"verb":"adopt"'
kill -TERM "$server"
wait "$server"
"$program" verify --deep
