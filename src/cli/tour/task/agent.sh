# The agent of the tour. The first time it is asked to implement it does not come to an end, and is ended.
set -eu

say() { printf '{"restage":"%s","text":"%s"}\n' "$1" "$2"; }

edit() {
    printf 'and a line of the agent\n' >> src/f01.txt
    rm src/f02.txt
    printf 'staged\n' >> src/f03.txt
    git add src/f03.txt
    printf 'and then changed again\n' >> src/f03.txt
    git rm -q --cached src/f04.txt
    chmod +x src/f05.txt
    ln -sf ../README src/f06.txt
    mkdir -p src/new/deep
    printf 'new\0bytes\n' > 'src/new/deep/a name with spaces'
    ln -s nowhere src/new/dangling
    printf '%s\n' "$RESTAGE_TASK" > build/output.bin
}

case $RESTAGE_STAGE in
plan)
    printf 'First this, then that.\n' > plan.md
    say output 'First this, then that.'
    ;;
implement)
    mkdir -p build
    if [ "$RESTAGE_ATTEMPT" = 2 ]; then
        trap 'say output "said too late"; echo "said too late"; exit 0' TERM
        edit
        echo 'the files are changed'
        n=0
        while :; do
            n=$((n + 1))
            echo "thinking, line $n"
            sleep 0.01
        done
    fi
    printf 'done\n' > src/done.txt
    say output 'It works.'
    ;;
verify)
    test -e src/done.txt
    echo '{"restage":"result","passed":true}'
    say output 'It holds.'
    ;;
esac
