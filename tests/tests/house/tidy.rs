//! How files look: what opens them, what they are called, how long they are, what they must not say.
//!
//! Clippy holds most rules of code; here is what it cannot see, and what must not depend on its settings.
//! Words are looked for line by line, not parsed, so a rule may be dodged by odd formatting.

use std::path::Path;

use super::tree::File;

/// Longer than any file that one idea needs.
const MAX_LINES: usize = 800;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["common", "helper", "helpers", "misc", "util", "utils"];

/// What no line of code may open with, and why.
const OPENINGS: [(&str, &str); 3] = [
    ("#[allow(", "expect the lint instead, with a reason"),
    ("#![allow(", "expect the lint instead, with a reason"),
    ("#[ignore", "a test that is not run is no test"),
];

/// What no line of code may hold, and why. Split so that this file does not hold it.
const PHRASES: [(&str, &str); 3] = [
    (concat!("todo", "!("), "finish it or leave it out"),
    (concat!("unimplemented", "!("), "finish it or leave it out"),
    (concat!("dbg", "!("), "log it or leave it out"),
];

/// Engines, each with the module that alone may name it: their types never leave their adapter.
const ENGINES: [(&str, &str); 3] = [
    (concat!("fj", "all::"), "embedded"),
    (concat!("rdk", "afka::"), "kafka"),
    (concat!("scy", "lla::"), "cql"),
];

const UNWRAP: &str = concat!(".unwrap", "()");

/// Where one machine keeps its files. Split so that this file does not hold them.
const MACHINE_PATHS: [&str; 3] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// Every fault of a file, each with its place.
pub(crate) fn faults(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(name) = file
        .path
        .split('/')
        .find(|name| EMPTY_NAMES.contains(&stem(name)))
    {
        faults.push(format!("{}: `{name}` does not say what is inside", file.path));
    }
    for (line, number) in file.text.lines().zip(1..) {
        for path in MACHINE_PATHS.iter().filter(|path| line.contains(*path)) {
            faults.push(format!(
                "{}:{number}: `{path}` is a path of one machine",
                file.path
            ));
        }
    }
    if Path::new(&file.path)
        .extension()
        .is_some_and(|extension| extension == "rs")
    {
        faults.extend(faults_of_rust(file));
    }
    faults
}

fn faults_of_rust(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    if !file.text.starts_with("//! ") {
        faults.push(format!(
            "{}: does not open with `//!` and what it is for",
            file.path
        ));
    }
    let lines = file.text.lines().count();
    if lines > MAX_LINES {
        faults.push(format!(
            "{}: has {lines} lines, at most {MAX_LINES} are allowed",
            file.path
        ));
    }
    let mut in_tests = is_of_tests(&file.path);
    for (line, number) in file.text.lines().map(str::trim_start).zip(1..) {
        in_tests |= line.starts_with("#[cfg(test)]");
        if line.starts_with("//") {
            continue;
        }
        for (word, why) in words(line, in_tests) {
            faults.push(format!("{}:{number}: `{word}`: {why}", file.path));
        }
        for (engine, adapter) in ENGINES {
            if line.contains(engine) && !has_part(&file.path, adapter) && !looks_from_outside(&file.path) {
                faults.push(format!(
                    "{}:{number}: `{engine}` outside of its adapter `{adapter}`",
                    file.path
                ));
            }
        }
    }
    faults
}

/// Tests and benches of a whole may look at an engine itself, as an operator would.
fn looks_from_outside(path: &str) -> bool {
    ["tests", "benches"]
        .into_iter()
        .any(|folder| has_part(path, folder))
        && !path.starts_with("tests/src/")
}

/// The forbidden words of a line, each with the reason.
fn words(line: &str, in_tests: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let openings = OPENINGS
        .into_iter()
        .filter(move |(word, _)| line.starts_with(word));
    let phrases = PHRASES.into_iter().filter(move |(word, _)| line.contains(word));
    let unwrap = (!in_tests && line.contains(UNWRAP)).then_some((
        UNWRAP,
        "return the error, or `expect` with the invariant that rules it out",
    ));
    openings.chain(phrases).chain(unwrap)
}

/// Is a whole file of tests? In other files tests are what follows the first `#[cfg(test)]`.
fn is_of_tests(path: &str) -> bool {
    has_part(path, "tests") || has_part(path, "conformance")
}

/// Is a folder of the path, or its file, called so?
fn has_part(path: &str, name: &str) -> bool {
    path.split('/').any(|part| stem(part) == name)
}

fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn sample(path: &str, text: &str) -> Vec<String> {
    faults(&File {
        path: path.to_owned(),
        text: text.to_owned(),
    })
}

#[track_caller]
fn assert_one(faults: &[String], expected: &str) {
    assert!(faults.len() == 1 && faults[0].starts_with(expected), "{faults:?}");
}

#[test]
fn a_clean_file_has_no_fault() {
    let text =
        "//! Offsets.\n\nfn f() {\n    // never unwrap() here\n    g()?;\n}\n\n#[cfg(test)]\nmod tests {}\n";
    assert!(sample("libs/a/src/offsets.rs", text).is_empty());
}

#[test]
fn a_file_that_does_not_say_what_it_is_for_is_found() {
    assert_one(&sample("src/a.rs", "fn f() {}\n"), "src/a.rs: does not open");
    assert_one(&sample("src/b.rs", "//!\n"), "src/b.rs: does not open");
}

#[test]
fn an_empty_name_is_found_in_files_and_folders() {
    for path in [
        "src/utils.rs",
        "libs/common/src/a.rs",
        "proto/v1/misc.proto",
        "tools/helpers.sh",
    ] {
        assert!(
            sample(path, "//! A.\n")[0].contains("does not say what is inside"),
            "{path}"
        );
    }
    assert!(
        sample("helm/templates/_helpers.tpl", "").is_empty(),
        "helm's own name"
    );
}

#[test]
fn forbidden_words_are_found_where_they_stand() {
    let words = OPENINGS
        .iter()
        .chain(&PHRASES)
        .map(|(word, _)| *word)
        .chain([UNWRAP]);
    for word in words {
        let text = format!("//! A.\nfn f() {{\n    {word}\n}}\n");
        assert_one(&sample("src/a.rs", &text), &format!("src/a.rs:3: `{word}`"));
    }
}

#[test]
fn unwrap_is_found_only_outside_of_tests() {
    let inside = format!("//! A.\n#[cfg(test)]\nmod tests {{\n    f(){UNWRAP};\n}}\n");
    assert!(sample("src/a.rs", &inside).is_empty());
    assert!(sample("libs/a/tests/b.rs", &format!("//! A.\nf(){UNWRAP};\n")).is_empty());
    let before = format!("//! A.\nf(){UNWRAP};\n#[cfg(test)]\nmod tests {{}}\n");
    assert_one(&sample("src/a.rs", &before), "src/a.rs:2: `.unwrap");
}

#[test]
fn a_file_longer_than_one_idea_needs_is_found() {
    let text = |lines: usize| format!("//! A.\n{}", "\n".repeat(lines - 1));
    assert!(sample("src/a.rs", &text(MAX_LINES)).is_empty());
    assert_one(
        &sample("src/a.rs", &text(MAX_LINES + 1)),
        "src/a.rs: has 801 lines",
    );
}

#[test]
fn a_path_of_one_machine_is_found_in_any_file() {
    for path in MACHINE_PATHS {
        assert_one(&sample("docs/a.md", &format!("cd {path}me\n")), "docs/a.md:1: ");
    }
}

#[test]
fn an_engine_named_outside_of_its_adapter_is_found() {
    for (engine, adapter) in ENGINES {
        let text = format!("//! A.\nuse {engine}A;\n");
        assert_one(
            &sample("libs/a/src/port.rs", &text),
            &format!("libs/a/src/port.rs:2: `{engine}`"),
        );
        assert!(sample(&format!("libs/a/src/{adapter}.rs"), &text).is_empty());
        assert!(sample(&format!("libs/a/src/{adapter}/b.rs"), &text).is_empty());
        assert!(sample("libs/a/tests/b.rs", &text).is_empty());
        assert_eq!(sample("tests/src/b.rs", &text).len(), 1);
    }
}
