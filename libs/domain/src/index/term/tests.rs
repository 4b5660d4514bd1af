//! The stored form of terms, byte by byte, and their bounds.

use super::*;
use crate::filter::tests::event;

fn terms(json: &str) -> Vec<Vec<u8>> {
    let event = event(json);
    let mut terms = Vec::new();
    of_event(&event, &Context::default(), &mut |term: &[u8]| {
        terms.push(term.to_vec());
    });
    terms.sort();
    terms.dedup();
    terms
}

/// The stored form, byte by byte: a change here makes indexes that exist unreadable.
#[test]
fn terms_have_their_stored_form() {
    let request = r#"{"kind":"api_request","method":"GET","path":"/a","status_code":503,"duration_ms":12.5,
        "attributes":{"a":{"b\u0001":[2,"Hi",true]},"n":null}}"#;
    let wanted: &[&[u8]] = &[
        b"\x01api_request",
        b"\x02info",
        b"\x03standard",
        b"\x0CGET",
        b"\x0D/a",
        b"\x0F\x01\xF7",
        b"\x10\xC0\x29",
        b"\x80hi",
        b"\x90a\x00\x01",
        b"\x90a\x01b\x02\x11\x00\x03\x01",
        b"\x90a\x01b\x02\x11\x00\x04\xC0\x00",
        b"\x90a\x01b\x02\x11\x00\x05\xC0\x00\x00\x00\x00\x00\x00\x00",
        b"\x90a\x01b\x02\x11\x00\x06Hi",
        b"\x90n\x00\x02",
    ];
    assert_eq!(terms(request), wanted);
}

#[test]
fn every_field_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<u8> = Field::ALL.iter().map(|field| code(*field)).collect();
    assert_eq!(codes.len(), Field::ALL.len());
    assert!(codes.iter().all(|code| (1..TOKEN).contains(code)));
}

#[test]
fn a_long_path_leaves_room_for_the_value() {
    let key = "k".repeat(100);
    let (one, other) = (Path::of_keys([&*key, "a"]), Path::of_keys([&*key, "b"]));
    assert_ne!(one.begin(), other.begin());
    assert_eq!(one.begin().len(), 42);
    assert_eq!(one.term(Type::Text, &[b'v'; 200]).len(), MAX_TERM_BYTES);
}

#[test]
fn more_than_is_kept_is_said_by_one_term() {
    let words: Vec<String> = (0..300).map(|word| format!("w{word}")).collect();
    let words = words.join(" ");
    let of_words = terms(&format!(
        r#"{{"kind":"error","error_type":"E","message":"{words}"}}"#
    ));
    let tokens = of_words.iter().filter(|term| term[0] == TOKEN).count();
    assert_eq!(tokens, MAX_TOKENS);
    assert!(of_words.contains(&vec![TEXT_OVERFLOW]));

    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let of_numbers = terms(&format!(
        r#"{{"kind":"generic","name":"n","attributes":{{"a":[{}]}}}}"#,
        numbers.join(",")
    ));
    assert!(of_numbers.contains(&vec![ATTRIBUTE_OVERFLOW]));
    assert!(of_numbers.iter().filter(|term| term[0] == ATTRIBUTE).count() <= MAX_ATTRIBUTES);
}
