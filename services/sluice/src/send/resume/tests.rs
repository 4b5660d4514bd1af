//! A resume file through sendings that break, change and go elsewhere.

use super::*;

const START: Millis = Millis::from_ms(1_700_000_000_000);
const LATER: Millis = Millis::from_ms(1_700_000_500_000);
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

fn target() -> Target {
    Target {
        server: "http://a:1".to_owned(),
        key: KeyId::parse("abcdefABCDEF").unwrap(),
    }
}

fn open_to(path: &Path, target: Target, now: Millis, shift_ms: Option<i64>) -> anyhow::Result<Resume> {
    let fresh = Fresh {
        target,
        now,
        salt: u64::try_from(now.as_ms()).unwrap(),
        shifts: shift_ms.is_some(),
    };
    Resume::open(Some(path.to_owned()), false, fresh, || Ok(shift_ms.unwrap()))
}

fn open(path: &Path, now: Millis, shift_ms: Option<i64>) -> anyhow::Result<Resume> {
    open_to(path, target(), now, shift_ms)
}

fn mark(lines: &[&str]) -> Mark {
    lines
        .iter()
        .fold(Mark::default(), |mark, line| mark.after(line.as_bytes()))
}

/// A sending that got as far as these lines.
fn broken(path: &Path, lines: &[&str]) -> Resume {
    let mut resume = open(path, START, None).unwrap();
    resume.keep().unwrap();
    resume.advance(mark(lines)).unwrap();
    resume
}

#[test]
fn a_broken_sending_goes_on_with_its_times_and_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let mut first = open(&path, START, Some(5)).unwrap();
    first.keep().unwrap();
    first.advance(mark(&["a", "b"])).unwrap();

    let second = open(&path, LATER, Some(99)).unwrap();
    assert_eq!(second.state(), first.state());
    assert!(second.is_found() && !first.is_found());
    let epoch = second.state().epochs.of(3);
    assert_eq!((epoch.start, epoch.shift_ms), (START, Some(5)));
}

#[test]
fn lines_after_a_complete_sending_are_of_their_own_time_and_the_others_of_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let mut first = broken(&path, &["a"]);
    first.complete().unwrap();

    let second = open(&path, LATER, None).unwrap();
    let epochs = &second.state().epochs;
    assert_eq!((epochs.of(1).start, epochs.of(2).start), (START, LATER));
    assert_eq!(second.state().salt, first.state().salt);
    assert_eq!(second.state().done, mark(&["a"]));
}

#[test]
fn another_server_or_key_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    broken(&path, &["a"]).complete().unwrap();
    let server = Target {
        server: "http://b:1".to_owned(),
        ..target()
    };
    let key = Target {
        key: KeyId::parse("other0000000").unwrap(),
        ..target()
    };
    for other in [server, key] {
        let error = format!("{:#}", open_to(&path, other.clone(), LATER, None).err().unwrap());
        for part in [
            path.to_str().unwrap(),
            &other.server,
            other.key.as_str(),
            "--resume",
            "delete",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
    assert!(open(&path, LATER, None).is_ok());
}

#[test]
fn a_sending_too_old_to_go_on_is_refused_unless_its_events_say_their_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    broken(&path, &["a"]);
    let error = format!("{:#}", open(&path, START.plus_ms(WEEK_MS), None).err().unwrap());
    assert!(error.contains("too long ago"), "{error}");

    let timed = dir.path().join("t");
    open(&timed, START, None).unwrap().hold().unwrap();
    let resume = open(&timed, START.plus_ms(WEEK_MS), None).unwrap();
    assert_eq!(resume.state().epochs.latest().start, START.plus_ms(WEEK_MS));
}

#[test]
fn a_changed_input_begins_at_its_first_line_with_the_same_salt_and_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let first = broken(&path, &["a"]);
    let mut second = open(&path, LATER, None).unwrap();
    second.restart(LATER).unwrap();
    assert_eq!(second.state().done, Mark::default());
    assert_eq!(second.state().epochs, first.state().epochs);
    assert_eq!(second.state().salt, first.state().salt);
    assert!(second.restart(START.plus_ms(WEEK_MS)).is_err());
}

#[test]
fn nothing_is_written_until_it_must_be() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let mut resume = open(&path, START, None).unwrap();
    resume.advance(mark(&["a"])).unwrap();
    resume.complete().unwrap();
    assert!(!path.exists());
    resume.hold().unwrap();
    assert!(path.exists());
    resume.forget().unwrap();
    assert!(!path.exists());
    resume.forget().unwrap();
}

#[test]
fn a_sending_does_not_go_on_with_other_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    open(&path, START, Some(5)).unwrap().keep().unwrap();
    assert!(open(&path, START, None).is_err());
}

#[test]
fn a_repeat_begins_with_what_was_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let mut first = broken(&path, &["a"]);
    first.freeze();
    first.advance(mark(&["a", "b"])).unwrap();
    first.complete().unwrap();

    let second = open(&path, LATER, None).unwrap();
    assert_eq!(second.state().done, mark(&["a"]));
    assert_eq!(second.state().epochs.latest().start, START);
}

#[test]
fn another_file_is_not_taken_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    for (text, said) in [
        ("", "no resume file"),
        ("{}", "no resume file"),
        ("{\"version\":2}", "no resume file"),
        ("{\"version\":1,\"salt\":1}", "another version, 1"),
    ] {
        fs::write(&path, text).unwrap();
        let error = format!("{:#}", open(&path, START, None).err().unwrap());
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_mark_tells_lines_apart() {
    assert_eq!(mark(&["a", "b"]), mark(&["a", "b"]));
    for other in [
        mark(&["a"]),
        mark(&["b", "a"]),
        mark(&["a", "c"]),
        mark(&["ab", ""]),
    ] {
        assert_ne!(mark(&["a", "b"]), other);
    }
}
