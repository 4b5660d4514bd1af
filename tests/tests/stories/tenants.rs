//! No tenant sees another's data, and a key opens what its scopes say and no more.

use std::time::Instant;

use e2e::sample::{event, id};
use e2e::system::DEADLINE;
use e2e::{Client, Stack, System};
use rstest::rstest;
use serde_json::{Value, json};

use e2e::clock::now;

const EVENTS: &str = "/api/v1/ingestion/events";

async fn send(client: &Client, event: &Value) -> String {
    let answer = client.post_json(EVENTS, event).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["token"].as_str().unwrap().to_owned()
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn nothing_of_one_tenant_is_seen_by_another(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let platform = system.platform().await;
    let scopes = ["ingest", "read", "manage"];
    let one = system
        .client_with(&platform.make_tenant("one", &scopes).await)
        .await;
    let two = system
        .client_with(&platform.make_tenant("two", &scopes).await)
        .await;
    // The same id in both tenants is two events.
    let (mut of_one, mut of_two) = (event(1, now()), event(1, now()));
    of_two["id"] = of_one["id"].clone();
    (of_one["service"], of_two["service"]) = (json!("of-one"), json!("of-two"));
    let private = event(2, now());
    let token = send(&one, &of_one).await;
    send(&one, &private).await;
    send(&two, &of_two).await;

    let found = two.search_until("", 1).await;
    assert_eq!(
        found.iter().map(|event| &event["service"]).collect::<Vec<_>>(),
        ["of-two"]
    );
    assert_eq!(two.search_all("service=of-one").await.len(), 0);

    // An id of the other tenant is answered as one that nobody has.
    let foreign = two.get(&format!("{EVENTS}/{}", id(&private))).await;
    let unknown = two.get(&format!("{EVENTS}/{}", id(&event(3, now())))).await;
    assert_eq!(
        (foreign.status, foreign.body["detail"].to_string().len()),
        (404, unknown.body["detail"].to_string().len())
    );

    // Cursors and tokens are bound to their tenant.
    one.search_until("", 2).await;
    let page = one.get(&format!("{EVENTS}?limit=1")).await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let refused = two.get(&format!("{EVENTS}?limit=1&cursor={cursor}")).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("invalid_cursor"))
    );
    let refused = two.get(&format!("{EVENTS}?after={token}")).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("invalid_token"))
    );

    // A delete by the other tenant deletes nothing here.
    assert_eq!(
        two.delete(&format!("{EVENTS}/{}", id(&private))).await.status,
        204
    );
    assert_eq!(one.get(&format!("{EVENTS}/{}", id(&private))).await.status, 200);
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn a_key_opens_what_its_scopes_say(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let platform = system.platform().await;
    platform.make_tenant("acme", &["ingest"]).await;
    let some_event = event(1, now());
    let path = format!("{EVENTS}/{}", id(&some_event));
    for (scope, ingest, read, manage) in [
        ("ingest", 202, 403, 403),
        ("read", 403, 200, 403),
        ("manage", 403, 403, 204),
    ] {
        let client = system
            .client_with(&platform.make_key("acme", &[scope]).await)
            .await;
        assert_eq!(
            client.post_json(EVENTS, &some_event).await.status,
            ingest,
            "{scope}"
        );
        assert_eq!(client.get(EVENTS).await.status, read, "{scope}");
        assert_eq!(client.delete(&path).await.status, manage, "{scope}");
        assert_eq!(client.get("/api/v1/admin/tenants").await.status, 403, "{scope}");
    }
    assert_eq!(platform.post_json(EVENTS, &some_event).await.status, 403);
    let nobody = system.client_with("slk_000000000000_0").await;
    assert_eq!(nobody.get(EVENTS).await.status, 401);
    system.assert_quiet(&[]);
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn a_revoked_key_opens_nothing_also_after_a_restart(#[case] stack: Stack) {
    let mut system = System::start(stack).await;
    let platform = system.platform().await;
    let key = platform.make_tenant("acme", &["ingest", "read"]).await;
    let client = system.client_with(&key).await;
    assert_eq!(client.get(EVENTS).await.status, 200);
    let key_id = key.split('_').nth(1).unwrap();
    assert_eq!(
        platform
            .delete(&format!("/api/v1/admin/keys/{key_id}"))
            .await
            .status,
        204
    );
    let begin = Instant::now();
    while client.get(EVENTS).await.status != 401 {
        assert!(begin.elapsed() < DEADLINE);
    }
    system.kill();
    system.restart().await;
    assert_eq!(system.client_with(&key).await.get(EVENTS).await.status, 401);
    // The first start shows its keys to the person who runs it; log lines never hold one.
    let log = system.log();
    let mut lines = log.lines().filter(|line| line.starts_with('{'));
    assert!(
        !lines.any(|line| line.contains("slk_") || line.contains(&key[17..])),
        "a key is in the log"
    );
}
