//! The language by examples: what it takes, what it refuses and where.

mod naive;
mod properties;
pub(crate) mod sample;

use super::*;
use crate::draft::Draft;
use crate::limits::Limits;
use crate::tenant::TenantId;
use crate::time::Millis;
use crate::validate::{FuturePolicy, Receipt, validate};

pub(crate) fn event(json: &str) -> Event {
    let limits = Limits::default();
    let draft: Draft = crate::json::read(json.as_bytes(), &limits);
    let tenant = TenantId::parse("demo").unwrap();
    let receipt = Receipt {
        tenant: &tenant,
        received_at: Millis::from_ms(1_700_000_000_000),
        sent_at: None,
        idempotency_key: None,
        future: FuturePolicy::Clamp,
        limits: &limits,
    };
    validate(draft, 0, &receipt, [0; 10]).unwrap().event
}

const REQUEST: &str = r#"{
    "kind":"api_request", "method":"GET", "path":"/a/7", "status_code":503, "duration_ms":12.5,
    "request_bytes":1000, "service":"check out", "release":"1..2", "user_id":"a\"b\\c", "client_ip":"10.0.0.1",
    "attributes":{
        "cart":{"total":100.5,"items":[{"sku":"A-1","n":2},{"sku":"B-2","n":null}]},
        "odd key":{"x.y":true}, "code":"503", "none":[], "empty":{}, "text":"", "note":"Connection RESET by peer",
        "list":[1,[2,"3"]], "zero":-0.0
    }}"#;

const ERROR: &str = r#"{
    "kind":"error", "error_type":"Timeout", "message":"Connection reset by über-peer, OR so", "handled":false,
    "user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}"#;

/// The texts of `yes` match the event, those of `no` do not, and the other way round when they are negated.
fn check(json: &str, yes: &[&str], no: &[&str]) {
    let event = event(json);
    let context = crate::enrich::enrich(&event, &crate::enrich::Stage::ALL);
    let matches = |q: &str| {
        Filter::parse(q)
            .unwrap_or_else(|error| panic!("{q}: {error}"))
            .matches(&event, &context)
    };
    for (q, wanted) in yes.iter().map(|q| (q, true)).chain(no.iter().map(|q| (q, false))) {
        assert_eq!(matches(q), wanted, "{q}");
        if !q.is_empty() {
            assert_eq!(matches(&format!("-({q})")), !wanted, "-({q})");
        }
    }
}

#[test]
fn conditions_are_joined_by_and_or_and_not() {
    check(
        REQUEST,
        &[
            "",
            "kind:api_request",
            "status_code:503 service:\"check out\"",
            "status_code:503 AND method:GET",
            "kind:error OR method:GET",
            "kind:error method:POST OR method:GET",
            "method:GET OR kind:error method:POST",
            "(kind:error OR method:GET) status_code:503",
            "-kind:error",
            "NOT kind:error",
            "NOT(kind:error)",
            "--method:GET",
            "NOT -method:GET",
            "method:(POST OR GET)",
            "method:(GET -POST)",
            "-method:(POST OR PUT)",
            "status_code:(404 OR >=500)",
            "attributes.code:(7 OR 503)",
        ],
        &[
            "kind:error",
            "status_code:503 service:other",
            "method:GET (kind:error OR status_code:404)",
            "kind:error method:GET OR method:POST",
            "-method:GET",
            "method:(POST OR PUT)",
            "method:(GET POST)",
        ],
    );
}

#[test]
fn fields_are_compared_as_a_whole_by_begin_and_by_presence() {
    check(
        REQUEST,
        &[
            "route:*",
            "path:/a/*",
            "service:check*",
            "service:\"check o\"*",
            "release:1..2",
            r#"user_id:"a\"b\\c""#,
            "client_ip:10.0.0.1",
            "severity:in*",
            "priority:standard",
        ],
        &[
            "service:Check*",
            "service:out*",
            "user_id:u",
            "name:*",
            "session_id:*",
            "browser:*",
            "bot:false",
        ],
    );
    check(
        ERROR,
        &[
            "handled:false",
            "message:*",
            "browser:Firefox",
            "os:Linux",
            "device:desktop",
            "bot:false",
        ],
        &["handled:true", "status_code:*", "status_code:>0", "bot:true"],
    );
}

#[test]
fn numbers_are_compared_and_lie_in_ranges() {
    check(
        REQUEST,
        &[
            "duration_ms:12.5",
            "duration_ms:1.25e1",
            "duration_ms:>12",
            "duration_ms:>=12.5",
            "duration_ms:<12.6",
            "duration_ms:<=12.5",
            "duration_ms:12..13",
            "duration_ms:12.5..12.5",
            "request_bytes:1000",
            "status_code:500..599",
            "status_code:>502.5",
            "status_code:<70000",
        ],
        &[
            "duration_ms:12",
            "duration_ms:>12.5",
            "duration_ms:<12.5",
            "duration_ms:0..12",
            "response_bytes:*",
            "status_code:<503",
            "status_code:>70000",
            "status_code:<-1",
        ],
    );
}

#[test]
fn attributes_are_found_by_path_through_objects_and_arrays() {
    check(
        REQUEST,
        &[
            "attributes.cart.total:>100",
            "attributes.cart.total:100.5",
            "attributes.cart.total:1.005e2",
            "attributes.cart:*",
            "attributes.cart.items:*",
            "attributes.cart.items.sku:B-2",
            "attributes.cart.items.sku:A*",
            "attributes.cart.items.n:null",
            "attributes.cart.items.n:*",
            "attributes.\"odd key\".\"x.y\":true",
            "attributes.code:503",
            "attributes.code:\"503\"",
            "attributes.none:*",
            "attributes.empty:*",
            "attributes.text:\"\"",
            "attributes.list:1",
            "attributes.list:2",
            "attributes.list:3",
            "attributes.list:1..1",
            "attributes.zero:0",
            "attributes.zero:-0",
            "attributes.zero:-1..1",
        ],
        &[
            "attributes.cart:1",
            "attributes.total:*",
            "attributes.cart.items.sku:B",
            "attributes.cart.items.n:\"null\"",
            "attributes.\"odd key\".\"x.y\":\"true\"",
            "attributes.\"odd key.x.y\":*",
            "attributes.code:>1",
            "attributes.none.x:*",
            "attributes.list:\"1\"",
            "attributes.list:4",
            "attributes.text:x*",
        ],
    );
    check(ERROR, &[], &["attributes.a:*", "attributes.a:null"]);
}

#[test]
fn words_and_phrases_are_searched_for_in_texts() {
    check(
        REQUEST,
        &[
            "connection",
            "\"reset by\"",
            "RESET-by",
            "conn*",
            "\"reset b\"*",
            "a-1",
        ],
        &[
            "\"connection by\"",
            "peer-connection",
            "nection",
            "503x",
            "get",
            "cart",
            "message:connection",
        ],
    );
    check(
        ERROR,
        &[
            "message:\"connection reset\"",
            "message:reset",
            "message:ÜBER-p*",
            "\"OR\"",
            "\"peer or\"",
            "message:(timeout OR reset)",
            "message:OR",
        ],
        &["timeout", "message:\"reset connection\"", "message:conn"],
    );
    check(
        r#"{"kind":"generic","name":"Cart opened"}"#,
        &["cart", "name:\"Cart opened\""],
        &["name:cart"],
    );
}

#[test]
fn a_fault_names_the_column_and_what_is_wanted() {
    for (q, column, part) in [
        ("servise:x", 1, "service is one"),
        ("kind:error  colour:red", 13, "not a field"),
        ("kind:bad", 6, "api_request, error"),
        ("kind:bad*", 6, "none of api_request"),
        ("status_code:99", 13, "100 to 599"),
        ("status_code:0200", 13, "100 to 599"),
        ("status_code:5*", 13, "500..599"),
        ("status_code:>=high", 13, "is no number"),
        ("duration_ms:9..1", 13, "begins after its end"),
        ("duration_ms:1..", 13, "a number is wanted"),
        ("service:>5", 9, "no numbers to compare"),
        ("service:", 9, "empty"),
        ("service: x", 9, "empty"),
        ("é:1 free", 1, "not a field"),
        ("service:é (free", 11, "closing ) of this ( is missing"),
        ("service:é free)", 15, "has no ("),
        ("service:\"x", 9, "closing quote"),
        ("service:\"x\"kind:error", 12, "a space is missing"),
        ("\"service\":x", 10, "a space is missing"),
        ("service:\"a\\n\"", 11, "stands before"),
        ("service:che*ck", 9, "in quotes"),
        ("che*ck", 1, "in quotes"),
        ("service:a(b)", 10, "in quotes"),
        ("service:a\"b\"", 10, "in quotes"),
        ("service:\"\"*", 9, "before the *"),
        ("()", 2, "missing before )"),
        ("a OR", 5, "missing at the end"),
        ("a OR OR b", 6, "missing before OR"),
        ("AND b", 1, "missing before AND"),
        ("a (NOT )", 8, "missing before )"),
        ("a - b", 3, "stands alone"),
        ("--", 2, "stands alone"),
        ("-!", 2, "no letter and no digit"),
        ("\"\"", 1, "no letter and no digit"),
        ("*", 1, "no letter and no digit"),
        ("message:!", 9, "no letter and no digit"),
        ("attributes:x", 1, "attributes.key:value"),
        ("attributes..a:1", 12, "a key is missing"),
        ("attributes.ä:1", 12, "wants quotes"),
        ("attributes.a\"b\":1", 13, "a : is missing"),
        ("attributes.a:", 14, "a value is missing"),
        ("attributes.a:(1 OR -5)", 20, "NOT and a space"),
        ("cart.total:1", 1, "attributes.key:value"),
    ] {
        let error = Filter::parse(q).map(|filter| filter.to_string()).expect_err(q);
        assert_eq!(error.column, Some(column), "{q}: {error}");
        assert!(error.message.contains(part), "{q}: {error}");
    }
}

#[test]
fn size_is_bounded() {
    let refused = |q: &str| Filter::parse(q).expect_err("it is too much").message;
    assert!(Filter::parse(&"kind:error ".repeat(MAX_CONDITIONS)).is_ok());
    assert!(refused(&"a ".repeat(MAX_CONDITIONS + 1)).contains("more than 64 conditions"));
    assert!(refused(&"a ".repeat(10_000)).contains("20000 bytes, at most 8192"));
    assert!(refused(&format!("service:{}", "x".repeat(MAX_VALUE_BYTES + 1))).contains("at most 2048"));
    assert!(refused(&format!("attributes.{}:1", "x".repeat(MAX_VALUE_BYTES + 1))).contains("at most 2048"));
    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&deep(MAX_DEPTH)).is_ok());
    assert!(refused(&deep(MAX_DEPTH + 1)).contains("more than 16"));
    assert!(refused(&format!("{}a", "-".repeat(4000))).contains("more than 16"));
    assert!(refused(&format!("{}a", "NOT ".repeat(2000))).contains("more than 16"));
    let group = format!("attributes.{}:({})", "k".repeat(1000), "a OR ".repeat(20) + "b");
    assert!(refused(&group).contains("written out"));
}

#[test]
fn what_is_added_must_hold_too_and_has_nothing_special() {
    let mut filter = Filter::parse("kind:error OR kind:generic").unwrap();
    filter.add("name", ">a* \"b\"").unwrap();
    assert_eq!(
        filter.to_string(),
        r#"(kind:error OR kind:generic) name:">a* \"b\"""#
    );
    let error = filter.add("status_code", ">=500").unwrap_err();
    assert_eq!((error.column, error.parameter.as_str()), (None, "status_code"));
    assert!(filter.add("duration_ms", "5..6").is_err());
    assert!(filter.add("attributes.a", "5").is_err());
    for _ in filter.root.leaves()..MAX_CONDITIONS {
        filter.add("kind", "error").unwrap();
    }
    assert!(
        filter
            .add("kind", "error")
            .unwrap_err()
            .message
            .contains("more than 64")
    );

    let mut deepest = "a OR b".to_owned();
    for _ in 0..MAX_DEPTH {
        deepest = format!("({deepest}) c OR d");
    }
    let mut deepest = Filter::parse(&deepest).unwrap();
    assert!(
        deepest
            .add("kind", "error")
            .unwrap_err()
            .message
            .contains("more than 16")
    );
}

#[test]
fn the_canonical_form_is_one_for_all_ways_to_write_a_tree() {
    let canonical = |q: &str| Filter::parse(q).unwrap().canonical();
    for (one, other) in [
        ("a b", " b  AND (a) "),
        ("a a", "A"),
        ("a OR b OR c", "(c OR (b OR a)) OR a"),
        ("(a OR b) (b OR a)", "a OR b"),
        ("NOT -a", "a"),
        ("service:(x OR y)", "service:\"y\" OR service:x"),
        ("-(a b)", "-(b a)"),
    ] {
        assert_eq!(canonical(one), canonical(other), "{one} {other}");
    }
    for (one, other) in [
        ("a b", "\"a b\""),
        ("a b", "a OR b"),
        ("a", "a*"),
        ("attributes.a:5", "attributes.a:\"5\""),
        ("attributes.a.b:x", "attributes.\"a.b\":x"),
        ("service:\"a b\"", "service:a b"),
        ("-(a b)", "-a b"),
    ] {
        assert_ne!(canonical(one), canonical(other), "{one} {other}");
    }
}
