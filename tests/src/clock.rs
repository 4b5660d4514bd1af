//! The clock of stories.

use domain::time::Millis;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "stories run in real time")]
pub fn now() -> Millis {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Millis::from_ms(i64::try_from(since_epoch.as_millis()).unwrap())
}
