//! The values that events have and filters ask for: few of each, so that they often meet.

use domain::attributes::Attributes;
use domain::enrich::{Client, Context};
use domain::event::{ApiRequest, Body, ErrorReport, Generic, UserAction};

const SERVICES: [Option<&str>; 5] = [
    Some("checkout"),
    Some("cart"),
    Some("a b"),
    Some("CHECKOUT"),
    None,
];
const ENVIRONMENTS: [Option<&str>; 3] = [Some("production"), Some("dev"), None];
const USERS: [Option<&str>; 6] = [
    Some("u1"),
    Some("u2"),
    Some("u3"),
    Some("u10"),
    Some("ünal"),
    None,
];
/// Longer than a term, and the same for long.
pub(crate) const TRACE: &str = concat!(
    "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt",
    "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
);
const PATHS: [&str; 3] = ["/api/v1/items/1", "/api/v1/items/2", "/"];
const ROUTES: [Option<&str>; 3] = [Some("/api/v1/items/:id"), Some("/"), None];
const STATUSES: [u16; 5] = [200, 201, 404, 500, 503];
const DURATIONS: [f64; 4] = [0.0, 5.0, 5.5, 250.25];
const MESSAGES: [&str; 4] = [
    "connection reset by peer",
    "Connection refused",
    "reset the connection",
    "time-out",
];
const ACTIONS: [&str; 3] = ["pay", "pay_later", "view"];
const NAMES: [&str; 4] = ["e1 e2", "order placed", "e1", "E1-connection"];
const ATTRIBUTES: [Option<&str>; 9] = [
    None,
    Some(r#"{"cart":{"total":99.5}}"#),
    Some(r#"{"cart":{"total":100}}"#),
    Some(r#"{"cart":{"total":"100"},"n":null}"#),
    Some(r#"{"tags":["a","b c"],"ok":true}"#),
    Some(r#"{"tags":"a","ok":false,"note":"connection lost"}"#),
    Some(r#"{"odd key":"x","list":[{"k":1},{"k":"two"}]}"#),
    Some(r#"{"list":[{"k":[1,2,3]}]}"#),
    Some(MANY),
];
/// More values than have terms.
const MANY: &str = concat!(
    r#"{"many":["#,
    r"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,",
    r"40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,",
    r"76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,100,101,102,103,104,105,106,107,108,",
    r#"109,110,111,112,113,114,115,116,117,118,119,120,121,122,123,124,125,126,127,128,129,130,131],"tags":"a"}"#
);

fn pick<T: Copy>(all: &[T], number: u8) -> T {
    all[usize::from(number) % all.len()]
}

fn text(all: &[Option<&str>], number: u8) -> Option<String> {
    pick(all, number).map(str::to_owned)
}

/// The names of an event, by number.
pub(crate) struct Names {
    pub(crate) service: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) attributes: Option<Attributes>,
}

pub(crate) fn names([service, environment, user, trace, attributes]: [u8; 5]) -> Names {
    Names {
        service: text(&SERVICES, service),
        environment: text(&ENVIRONMENTS, environment),
        user_id: text(&USERS, user),
        trace_id: (trace % 3 > 0).then(|| format!("{TRACE}{}", trace % 3)),
        attributes: text(&ATTRIBUTES, attributes).map(Attributes::trusted),
    }
}

pub(crate) fn body(kind: u8, [one, other]: [u8; 2]) -> Body {
    match kind % 4 {
        0 => Body::ApiRequest(ApiRequest {
            method: pick(&["GET", "POST"], other).to_owned(),
            path: pick(&PATHS, one).to_owned(),
            status_code: pick(&STATUSES, one),
            duration_ms: pick(&DURATIONS, other),
            route: text(&ROUTES, other),
            request_bytes: pick(&[None, Some(0), Some(u64::MAX)], one),
            response_bytes: None,
            client_ip: None,
            user_agent: None,
            query: None,
        }),
        1 => Body::Error(ErrorReport {
            error_type: pick(&["IoError", "Timeout"], other).to_owned(),
            message: pick(&MESSAGES, one).to_owned(),
            stack_trace: None,
            handled: pick(&[None, Some(true), Some(false)], other),
            fingerprint: None,
            client_ip: None,
            user_agent: None,
        }),
        2 => Body::UserAction(UserAction {
            action: pick(&ACTIONS, one).to_owned(),
            target: text(&[Some("basket"), None], other),
            url: None,
            client_ip: None,
            user_agent: None,
        }),
        _ => Body::Generic(Generic {
            name: pick(&NAMES, one).to_owned(),
        }),
    }
}

pub(crate) fn context(number: u8) -> Context {
    let client = |browser: &str, bot| Client {
        browser: Some(browser.to_owned()),
        browser_version: None,
        os: None,
        os_version: None,
        device: "desktop".to_owned(),
        bot,
    };
    Context {
        client: pick(&[None, Some(("Firefox", false)), Some(("Crawler", true))], number)
            .map(|(browser, bot)| client(browser, bot)),
        route: text(&[None, Some("/api/v1/items/:id")], number / 3),
    }
}

/// Conditions of the filter language, of every kind of test.
pub(crate) const CONDITIONS: [&str; 66] = [
    "kind:error",
    "kind:api_request",
    "kind:user_*",
    "severity:info",
    "severity:(error OR fatal)",
    "severity:warning",
    "priority:standard",
    "service:checkout",
    "service:CHECKOUT",
    "service:che*",
    "service:*",
    "service:\"a b\"",
    "service:\"a \"*",
    "service:(cart OR \"a b\")",
    "environment:production",
    "environment:(p* dev*)",
    "environment:*",
    "release:replayed",
    "release:r*",
    "user_id:u1",
    "user_id:u1*",
    "user_id:(u1 OR u2 OR u10)",
    "user_id:ünal",
    "user_id:nobody",
    "trace_id:*",
    "trace_id:ttt*",
    "method:GET",
    "path:/api/v1/items/1",
    "path:/api*",
    "route:/api/v1/*",
    "route:/",
    "status_code:500",
    "status_code:>=500",
    "status_code:<404",
    "status_code:201..404",
    "duration_ms:>5",
    "duration_ms:5",
    "duration_ms:5..5.5",
    "request_bytes:0",
    "request_bytes:>100",
    "error_type:Io*",
    "handled:true",
    "handled:*",
    "message:reset",
    "message:\"connection reset\"",
    "message:conn*",
    "action:pay",
    "action:pay*",
    "target:basket",
    "name:e1*",
    "name:\"e1 e2\"",
    "browser:Firefox",
    "bot:true",
    "device:*",
    "attributes.cart.total:>99",
    "attributes.cart.total:100",
    "attributes.cart.total:\"100\"",
    "attributes.tags:a",
    "attributes.tags:\"b c\"",
    "attributes.ok:true",
    "attributes.n:null",
    "attributes.\"odd key\":x",
    "attributes.list.k:(two OR 3)",
    "attributes.many:131",
    "attributes.list:*",
    "attributes.cart.total:99..100",
];

/// Words and phrases.
pub(crate) const WORDS: [&str; 7] = [
    "connection",
    "\"connection reset\"",
    "conn*",
    "reset",
    "\"e1 e2\"",
    "\"b c\"",
    "nothing",
];
