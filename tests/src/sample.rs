//! Events to send: all four kinds, distinct by a number.

use domain::id::EventId;
use domain::limits::Limits;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::validate::{FuturePolicy, Receipt, validate};
use prost::Message;
use prost::bytes::Bytes;
use serde_json::{Value, json};

/// Event `number` as a producer would send it, of the kind `number % 4`, with an id of the time `at`.
pub fn event(number: u64, at: Millis) -> Value {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    // The first four bits of byte 6 and two of byte 8 are the id's own; the number is in front of and behind them.
    random[2] = 0;
    let mut event = match number % 4 {
        0 => {
            json!({"kind": "api_request", "method": "GET", "path": format!("/orders/{number}"), "status_code": 200,
                    "duration_ms": 12.5, "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"})
        }
        1 => {
            json!({"kind": "error", "error_type": "Timeout", "message": format!("no answer to {number}"), "handled": true})
        }
        2 => {
            json!({"kind": "user_action", "action": "pay", "target": "cart", "url": "https://shop.example/cart"})
        }
        _ => json!({"kind": "generic", "name": "started"}),
    };
    let common = json!({
        "id": EventId::made(at, random).to_string(), "service": "shop", "environment": "test", "user_id": format!("u-{}", number % 7),
        "attributes": {"number": number, "nested": {"list": [1, "two", null]}},
    });
    event
        .as_object_mut()
        .unwrap()
        .extend(common.as_object().unwrap().clone());
    event
}

/// The id of an event that was made here.
pub fn id(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

/// The same event as bytes of `sluice.v1.Event`, without an id where it has none.
pub fn protobuf(event: &Value) -> Bytes {
    let json = serde_json::to_vec(event).unwrap();
    let limits = Limits {
        max_age_ms: i64::MAX,
        ..Limits::default()
    };
    let tenant = TenantId::parse("demo").unwrap();
    let receipt = Receipt {
        tenant: &tenant,
        received_at: Millis::MAX,
        sent_at: None,
        idempotency_key: None,
        future: FuturePolicy::Clamp,
        limits: &limits,
    };
    let valid = validate(domain::json::read(&json, &limits), 0, &receipt, [0; 10]).unwrap();
    let mut message = proto::record::event_message(valid.event);
    if valid.made_id {
        message.id.clear();
        message.timestamp = None;
    }
    message.encode_to_vec().into()
}
