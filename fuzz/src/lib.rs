//! What happens to an event after it was read, whatever it was read from.

use domain::batch::{Fate, Plan};
use domain::draft::Draft;
use domain::enrich::Context;
use domain::event::Event;
use domain::fault::{Fault, Faults};
use domain::json::EventJson;
use domain::limits::Limits;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::validate::{FuturePolicy, Receipt, Valid, validate};
use domain::verdict::Verdict;

/// When every request is received: soon after the times in the seeds.
const RECEIVED_AT: Millis = Millis::from_ms(1_720_748_400_000);

/// Takes the events of one request as far as a gateway does, and shows those that are accepted.
///
/// Panics where an event has no verdict, a refusal no reason, or what was accepted cannot be shown.
pub fn judge(drafts: impl IntoIterator<Item = Draft>) {
    let tenant = TenantId::parse("demo").expect("a valid name");
    let receipt = Receipt {
        tenant: &tenant,
        received_at: RECEIVED_AT,
        sent_at: None,
        idempotency_key: None,
        future: FuturePolicy::Clamp,
        limits: &Limits::default(),
    };
    let checked: Vec<_> = (0..)
        .zip(drafts)
        .map(|(index, draft)| check(draft, index, &receipt))
        .collect();
    let sent = checked.len();

    let (plan, events) = Plan::new(checked);
    events.iter().for_each(show);
    let verdicts = plan.settle(events.iter().map(|_| Fate::Accepted), 0);

    assert_eq!(verdicts.len(), sent, "each event has a verdict");
    let accepted = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Accepted { .. }))
        .count();
    assert_eq!(accepted, events.len(), "what the log has is accepted");
}

fn check(draft: Draft, index: u32, receipt: &Receipt<'_>) -> Result<Valid, Vec<Fault>> {
    // Ids that are made here differ within a request.
    let mut random = [0; 10];
    random[..4].copy_from_slice(&index.to_be_bytes());

    let checked = validate(draft, index, receipt, random);
    if let Err(faults) = &checked {
        assert!(
            (1..=Faults::MAX + 1).contains(&faults.len()),
            "a refusal has reasons, and not too many"
        );
    }
    checked
}

fn show(event: &Event) {
    let context = Context::default();
    let shown = EventJson {
        event,
        received_at: RECEIVED_AT,
        context: &context,
    };
    let text = serde_json::to_vec(&shown).expect("an event that was accepted can be shown");
    serde_json::from_slice::<serde::de::IgnoredAny>(&text).expect("what is shown is JSON");
}
