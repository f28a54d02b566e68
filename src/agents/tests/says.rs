//! What an agent writes is read without end and kept within limits; what it is told reaches it.

use super::*;

fn text(text: &str, stream: Stream) -> Line {
    Line::Text { stream, text: text.into(), cut: false }
}

#[tokio::test]
async fn lines_of_both_streams_are_told_and_the_protocol_is_understood() {
    let place = Place::new();
    let script = r#"echo one; echo '{"restage":"score","value":0.5}'; printf 'two\r\nthree'
        echo '{"restage":"score","value":0.5}' >&2; printf '\377\376x\n' >&2"#;
    let (lines, ended) = follow(place.script(script)).await;
    assert_eq!(ended, Ok(Ended::Exited(0)));
    assert_eq!(texts(&lines, Stream::Out), ["one", "two", "three"]);
    assert_eq!(texts(&lines, Stream::Err), [r#"{"restage":"score","value":0.5}"#, "\u{fffd}\u{fffd}x"]);
    assert_eq!(lines.iter().filter(|line| matches!(line, Line::Said(_))).count(), 1);
    assert!(lines.contains(&Line::Said(Said::Score(0.5))));
}

#[tokio::test]
async fn lines_come_in_batches_while_it_runs() {
    let place = Place::new();
    let script =
        "i=0; while [ $i -lt 100 ]; do echo $i; i=$((i + 1)); done; while ! [ -s $NOTES/go ]; do sleep 0.01; done";
    let mut agent = Agent::start(place.script(script)).unwrap();
    let mut lines = Vec::new();
    let mut batches = 0;
    while lines.len() < 100 {
        lines.extend(agent.lines().await.unwrap());
        batches += 1;
    }
    assert!(batches <= 10, "{batches} batches");
    fs::write(place.notes().join("go"), "go").unwrap();
    assert_eq!(agent.lines().await, None);
    assert_eq!(agent.wait().await, Ok(Ended::Exited(0)));
    let expected: Vec<Line> = (0..100).map(|i| text(&i.to_string(), Stream::Out)).collect();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_prompt_is_read_from_the_standard_input() {
    let place = Place::new();
    let prompt = "first line\n".repeat(50_000);
    let launch = Launch { prompt: prompt.clone(), ..place.script("cat > $NOTES/prompt") };
    assert_eq!(follow(launch).await.1, Ok(Ended::Exited(0)));
    assert!(fs::read_to_string(place.notes().join("prompt")).unwrap() == prompt);
}

#[tokio::test]
async fn a_prompt_is_read_from_a_file_that_others_can_not_read() {
    let place = Place::new();
    let script = r#"[ "$1" = "--file=$RESTAGE_PROMPT_FILE" ] && stat -c %a "$RESTAGE_PROMPT_FILE" && cat "$RESTAGE_PROMPT_FILE""#;
    let launch = Launch {
        prompt: "do it".into(),
        prompt_by: PromptBy::File,
        ..place.launch(&["sh", "-c", script, "sh", "--file={prompt_file}"])
    };
    assert_eq!(texts(&follow(launch).await.0, Stream::Out), ["600", "do it"]);
}

#[tokio::test]
async fn a_prompt_that_nobody_reads_keeps_nobody_waiting() {
    for script in ["exit 0", "exec <&-; sleep 0.2; exit 0", "sleep 0.2; exit 0"] {
        let place = Place::new();
        let launch = Launch { prompt: "x".repeat(10 << 20), ..place.script(script) };
        assert_eq!(follow(launch).await.1, Ok(Ended::Exited(0)), "{script}");
    }
}

#[tokio::test]
async fn an_agent_that_nobody_listens_to_can_be_ended() {
    let place = Place::new();
    let script = "echo $$ > $NOTES/a; trap '' TERM; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done";
    let agent = Agent::start(Launch { grace: Duration::from_millis(100), ..place.script(script) }).unwrap();
    let pid = place.noted("a");
    assert_eq!(agent.end().await, Ok(Ended::Stopped));
    assert!(!runs(pid));
}

#[tokio::test]
async fn an_agent_whose_lines_nobody_wants_runs_to_its_end() {
    let place = Place::new();
    let mut agent = Agent::start(place.script("head -c 5000000 /dev/zero | tr '\\0' '\\n'; exit 9")).unwrap();
    assert_eq!(agent.wait().await, Ok(Ended::Exited(9)));
}

/// Follows a script in a process of its own, so that its memory is its own, and checks what it used at most.
fn in_little_memory(test: &str, script: &str, check: impl FnOnce(u64, u64, Vec<Line>)) {
    if !is_child() {
        return assert_one_passed(&as_process(test, &[]).output().unwrap());
    }
    let most_memory = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap().to_owned();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    let place = Place::new();
    let (before, mut size, mut odd) = (most_memory(), 0, Vec::new());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut agent = Agent::start(place.script(script)).unwrap();
        while let Some(lines) = agent.lines().await {
            for line in lines {
                match line {
                    Line::Text { text, cut: false, .. } => size += text.len() as u64 + 1,
                    line => odd.push(line),
                }
            }
        }
        assert_eq!(agent.wait().await, Ok(Ended::Exited(0)));
    });
    let used = most_memory() - before;
    assert!(used < 40, "{used} MiB");
    check(used, size, odd);
}

#[test]
fn a_hundred_megabytes_without_a_line_end_are_one_cut_line() {
    let script = "head -c 100000000 /dev/zero | tr '\\0' a; echo; echo after";
    in_little_memory(
        "agents::tests::says::a_hundred_megabytes_without_a_line_end_are_one_cut_line",
        script,
        |_, size, odd| {
            assert_eq!(size, "after\n".len() as u64);
            assert!(matches!(&odd[..], [Line::Text { text, cut: true, .. }] if text.len() == 64 << 10));
        },
    );
}

#[test]
fn a_hundred_megabytes_that_look_like_the_protocol_are_one_cut_line() {
    let script = "printf '{\"restage\":\"output\",\"text\":\"'; head -c 100000000 /dev/zero | tr '\\0' a; echo '\"}'; echo after";
    let test = "agents::tests::says::a_hundred_megabytes_that_look_like_the_protocol_are_one_cut_line";
    in_little_memory(test, script, |_, size, odd| {
        assert_eq!(size, "after\n".len() as u64);
        assert!(matches!(&odd[..], [Line::Text { text, cut: true, .. }] if text.len() == 64 << 10));
    });
}

#[test]
fn of_a_flood_of_lines_the_beginning_is_kept_and_the_rest_is_counted() {
    let script = "yes 0123456789012345678901234567890123456789012345678 | head -c 100000000";
    in_little_memory(
        "agents::tests::says::of_a_flood_of_lines_the_beginning_is_kept_and_the_rest_is_counted",
        script,
        |_, size, odd| {
            let left: u64 =
                odd.iter().map(|line| if let Line::Left(bytes) = line { *bytes } else { panic!("{line:?}") }).sum();
            assert_eq!(size + left, 100_000_000);
            assert!(size > 8 << 20 && size < 17 << 20, "{size}");
            assert_eq!(odd.len(), 2);
        },
    );
}

#[test]
fn a_flood_of_binary_is_read_too() {
    let script =
        "head -c 30000000 /dev/urandom; head -c 30000000 /dev/zero; head -c 30000000 /dev/zero | tr '\\0' '\\n'";
    in_little_memory("agents::tests::says::a_flood_of_binary_is_read_too", script, |_, size, odd| {
        assert!(size < 17 << 20, "{size}");
        assert!(matches!(odd.last(), Some(Line::Left(_))));
    });
}

#[tokio::test]
async fn of_a_flood_of_words_the_last_of_each_kind_is_heard() {
    let script = r#"i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); echo "{\"restage\":\"output\",\"text\":\"$i\"}"
        echo "{\"restage\":\"score\",\"value\":0.$i}"; done"#;
    let (lines, _) = follow(Place::new().script(script)).await;
    assert!(lines.len() < 2000, "{}", lines.len());
    assert_eq!(lines[lines.len() - 2..], [Line::Said(Said::Output("20000".into())), Line::Said(Said::Score(0.2))]);
}
