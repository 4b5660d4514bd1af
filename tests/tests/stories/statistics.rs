//! What was acknowledged is counted once, over each protocol and from the command line, whatever is killed meanwhile.

use std::time::{Duration, Instant};

use e2e::client::Answer;
use e2e::clock::now;
use e2e::sample::event;
use e2e::system::DEADLINE;
use e2e::{Client, Stack, System};
use proto::v1;
use rstest::rstest;
use serde_json::{Value, json};

const BATCH: &str = "/api/v1/ingestion/events/batch";
const STATS: &str = "/api/v1/ingestion/stats";
const EVENTS: u64 = 400;

/// Sends events with these numbers, and answers with the token.
async fn send(client: &Client, first: u64) -> String {
    let at = now().minus_ms(60_000);
    let events: Vec<_> = (first..first + EVENTS).map(|number| event(number, at)).collect();
    let answer = client.post_json(BATCH, &json!(events)).await;
    assert_eq!(
        (answer.status, &answer.body["accepted"]),
        (202, &json!(EVENTS)),
        "{answer:?}"
    );
    answer.body["token"].as_str().unwrap().to_owned()
}

/// Asks until nothing is on its way any more.
async fn counted(client: &Client, path: &str) -> Value {
    let begin = Instant::now();
    loop {
        let Answer { status, body, .. } = client.get(path).await;
        if status == 200 {
            return body;
        }
        assert!(
            status == 504 && begin.elapsed() < DEADLINE,
            "{path}: {status} {body}"
        );
    }
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn what_was_acknowledged_is_counted_once_after_each_of_three_kills(#[case] stack: Stack) {
    let mut system = System::start(stack).await;
    let mut sent = 0;
    for round in 0..3 {
        let client = system.client().await;
        let token = send(&client, round * EVENTS).await;
        sent += EVENTS;
        let stats = counted(&client, &format!("{STATS}?from=now-1h&after={token}")).await;
        assert_eq!(stats["total"], sent, "{stats}");
        system.kill();
        system.restart().await;
    }

    let client = system.client().await;
    let each = sent / 4;
    let stats = counted(&client, &format!("{STATS}?from=now-1h")).await;
    assert_eq!(
        stats["by_kind"],
        json!({"api_request": each, "error": each, "generic": each, "user_action": each})
    );
    assert_eq!(
        (&stats["by_service"], &stats["lower_bound"]),
        (&json!({"shop": sent}), &json!(false))
    );

    let users = counted(&client, "/api/v1/analytics/top?of=users&limit=3").await;
    assert_eq!(users["groups"].as_array().unwrap().len(), 3);
    let took =
        counted(&client, "/api/v1/analytics/timeseries?of=requests").await["series"][0]["total"].clone();
    assert_eq!(
        (&took["count"], &took["duration_ms"]["max"]),
        (&json!(each), &json!(12.5))
    );

    let asked = v1::StatsRequest {
        filters: [("kind".to_owned(), "error".to_owned())].into(),
        ..v1::StatsRequest::default()
    };
    assert_eq!(
        client.query().stats(asked).await.unwrap().into_inner().total,
        each
    );

    let shown = system
        .cli(&["stats", "--of", "actions", "--by", "action", "--from", "-1h"])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let row: Vec<_> = shown.lines().nth(1).unwrap().split_whitespace().take(2).collect();
    assert_eq!(row, ["pay", each.to_string().as_str()], "{shown}");
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn statistics_say_when_everything_that_was_acknowledged_is_counted(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    send(&client, 0).await;
    let acknowledged = now().to_string();
    // Rows of hours, which a day is read from, are written less often.
    for from in ["now-1h", "now-1d"] {
        let begin = Instant::now();
        loop {
            let stats = counted(&client, &format!("{STATS}?from={from}")).await;
            let is_whole = stats["fresh_until"]
                .as_str()
                .is_some_and(|time| time > acknowledged.as_str());
            if is_whole {
                assert_eq!(stats["total"], EVENTS);
                break;
            }
            assert!(begin.elapsed() < DEADLINE, "{stats}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    system.assert_quiet(&[]);
}
