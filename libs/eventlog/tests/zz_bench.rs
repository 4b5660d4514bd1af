//! x
use eventlog::kafka::*;
use eventlog::*;
use std::time::*;
fn rss() -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .filter(|l| l.starts_with("VmRSS") || l.starts_with("Threads"))
        .collect()
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench() {
    let config = Config {
        prefix: format!("{}.", engines::unique("bench")),
        ..Config::new(engines::kafka())
    };
    let log = Kafka::connect(config.clone()).unwrap();
    log.create_topics(
        &[TopicSpec {
            name: "e".into(),
            partitions: 8,
            retention: Retention::Age(Duration::from_secs(3600)),
        }],
        1,
        1,
    )
    .await
    .unwrap();
    let p = TopicPartition::new("e", 0);
    for _ in 0..8 {
        let mut s = tokio::task::JoinSet::new();
        for k in 0..6 {
            let (log, p) = (log.clone(), TopicPartition::new("e", k));
            let _ = &p;
            s.spawn(async move {
                for _ in 0..50 {
                    log.read(&p, 0, 1, Duration::ZERO).await.unwrap();
                }
            });
        }
        s.join_all().await;
        println!("{}", rss());
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    println!("idle {}", rss());
    for _ in 0..30 {
        let s = log.sequence().await.unwrap();
        s.append(vec![NewRecord {
            to: p.clone(),
            key: "k".into(),
            value: "v".into(),
            headers: vec![],
        }])
        .await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("after 30 sequences {}", rss());
    for _ in 0..30 {
        let s = log.sequence().await.unwrap();
        s.append(vec![NewRecord {
            to: p.clone(),
            key: "k".into(),
            value: "v".into(),
            headers: vec![],
        }])
        .await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("after 30 sequences {}", rss());
    drop(log);
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("closed {}", rss());
}
