#!/usr/bin/env bash
# What others make of the OpenAPI document: clients in TypeScript and Python that type-check, and requests of all sorts that
# the server answers as the document says. Needs Node, Python 3 and the program: generated.sh [PROGRAM [WORK-FOLDER]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:-"$here/../../target/debug/restage"}")
work=${2:-$(mktemp -d)}
seconds=${RESTAGE_FUZZ_SECONDS:-40}    # schemathesis' own time, beside its fixed phases
mkdir -p "$work"
cd "$work"

server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

install() {
    [ -x venv/bin/schemathesis ] || {
        python3 -m venv venv
        venv/bin/pip install -q -r "$here/requirements.txt"
    }
    [ -x node_modules/.bin/tsc ] || {
        cp "$here/package.json" .
        npm install --silent --no-audit --no-fund --ignore-scripts
    }
}

serve() {
    rm -rf data url
    "$program" --data "$work/data" serve --listen 127.0.0.1:0 --config "$here/generated.toml" > url 2> server.log &
    server=$!
    for _ in $(seq 600); do
        if [ -s url ]; then break; fi
        kill -0 "$server" || { cat server.log; exit 1; }
        sleep 0.1
    done
    url=$(head -1 url)
    token=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["token"])' data/server.json)
    curl -sf "$url/v1/openapi.json" -o openapi.json
}

typescript() {
    node_modules/.bin/openapi-typescript openapi.json -o schema.ts
    cp "$here/generated.ts" use.ts
    node_modules/.bin/tsc --noEmit --strict --target es2022 --module nodenext --moduleResolution nodenext --skipLibCheck use.ts
}

# Lines of JSON are more than the generator knows, so what sends or takes them is left out. Its own file `client.py` is not made of the document.
python() {
    rm -rf python
    python3 - <<'EDIT'
import json
with open("openapi.json") as document:
    described = json.load(document)
for item in described["paths"].values():
    for method in [method for method, operation in item.items() if "application/x-ndjson" in json.dumps(operation)]:
        del item[method]
with open("generated.json", "w") as copy:
    json.dump(described, copy)
EDIT
    PATH="$PWD/venv/bin:$PATH" venv/bin/openapi-python-client generate --path generated.json --meta none \
        --output-path python/restage_client --fail-on-warning --overwrite
    cp "$here/generated.py" python/use.py
    printf '[mypy]\n[mypy-restage_client.client]\nignore_errors = True\n' > python/mypy.ini
    (cd python && ../venv/bin/mypy -p restage_client && ../venv/bin/mypy --strict --follow-imports=silent use.py)
    (cd python && RESTAGE_URL="$url" RESTAGE_TOKEN="$token" ../venv/bin/python use.py)
}

# Requests of all sorts, good and bad. What is left out of them, and why, is told in fuzzing.toml and fuzzing.py.
requests() {
    venv/bin/python "$here/fuzzing.py" openapi.json fuzzed.json
    SCHEMATHESIS_HOOKS=fuzzing PYTHONPATH="$here" venv/bin/schemathesis --config-file "$here/fuzzing.toml" run fuzzed.json --url "$url" \
        --header "Authorization: Bearer $token" --max-time "$seconds" --seed 1
}

install
serve
for part in ${RESTAGE_PARTS:-typescript python requests}; do
    echo "== $part"
    "$part"
done
kill -TERM "$server"
wait "$server" && server=
echo "== all of it holds"
