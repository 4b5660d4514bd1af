//! One line -> the message of an event that has its id, or what is wrong with the line.
//!
//! The id is a function of the line, its number and its time, so that whoever sends the line again sends the
//! same event. A line that says no time gets that of its epoch, and the salt of the sending enters its id. Sizes and
//! ages are the tenant's business and left to the server.

use bytes::Bytes;
use domain::draft::Draft;
use domain::fault::{Code, Fault};
use domain::id::EventId;
use domain::json;
use domain::limits::Limits;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::validate::{FuturePolicy, Receipt, validate};
use prost::Message;
use sha2::{Digest, Sha256};

use super::epochs::Epochs;
use super::lines::{Line, MAX_LINE_BYTES};

const ID_RANDOM_BYTES: usize = 10;

/// Turns lines into messages.
pub(crate) struct Preparer {
    limits: Limits,
    /// Unused by all that is asked of the validation here.
    tenant: TenantId,
    /// The time of events that say none, and by how much all others are moved.
    epochs: Epochs,
    /// Enters the ids of events that say no time, lest two sendings that start at once make the same.
    salt: u64,
}

/// What became of a line.
#[derive(Debug, PartialEq)]
pub(crate) enum Prepared {
    /// A message of type `sluice.v1.Event`.
    Event {
        /// Its bytes.
        bytes: Bytes,
        /// Whether its time is the start of sending, for the line says none.
        is_timeless: bool,
    },
    /// It can't be sent.
    Faulty(Vec<Fault>),
}

impl Preparer {
    /// `salt` tells events that say no time from those of other sendings.
    pub(crate) fn new(epochs: Epochs, salt: u64) -> Self {
        let limits = Limits {
            event_bytes: MAX_LINE_BYTES,
            batch_events: usize::MAX,
            body_bytes: usize::MAX,
            name_bytes: usize::MAX,
            url_bytes: usize::MAX,
            message_bytes: usize::MAX,
            stack_trace_bytes: usize::MAX,
            user_agent_bytes: usize::MAX,
            attributes_bytes: usize::MAX,
            attribute_keys: usize::MAX,
            attribute_depth: usize::MAX,
            attribute_key_bytes: usize::MAX,
            max_age_ms: i64::MAX,
            max_future_ms: i64::MAX,
        };
        let tenant = TenantId::parse("unknown").expect("a valid name");
        Self {
            limits,
            tenant,
            epochs,
            salt,
        }
    }

    /// Reads one line.
    pub(crate) fn prepare(&self, line: &Line<'_>) -> Prepared {
        let mut draft = json::read(line.text, &self.limits);
        let epoch = self.epochs.of(line.number);
        shift(&mut draft, epoch.shift_ms.unwrap_or_default());
        let is_timeless = draft.id.is_none() && draft.timestamp.is_none();
        let receipt = Receipt {
            tenant: &self.tenant,
            received_at: epoch.start,
            sent_at: None,
            idempotency_key: None,
            future: FuturePolicy::Refuse,
            limits: &self.limits,
        };
        match validate(
            draft,
            0,
            &receipt,
            random_of(line, is_timeless.then_some(self.salt)),
        ) {
            Ok(valid) => {
                let bytes = proto::record::event_message(valid.event).encode_to_vec().into();
                Prepared::Event { bytes, is_timeless }
            }
            Err(faults) => {
                Prepared::Faulty(faults.into_iter().map(|fault| on_one_line(fault, line)).collect())
            }
        }
    }

    /// When the event of a line happened, if the line says so.
    pub(crate) fn time_of(&self, line: &Line<'_>) -> Option<Millis> {
        let draft = json::read(line.text, &self.limits);
        id_of(&draft).map(EventId::time).or(draft.timestamp)
    }
}

fn shift(draft: &mut Draft, by_ms: i64) {
    if by_ms == 0 {
        return;
    }
    draft.timestamp = draft.timestamp.map(|time| time.plus_ms(by_ms));
    if let Some(id) = id_of(draft) {
        let [_, _, _, _, _, _, random @ ..] = id.bytes();
        draft.id = Some(EventId::made(id.time().plus_ms(by_ms), random).to_string());
    }
}

/// A fault without the line number that is always 1, for the line has another in its file.
fn on_one_line(mut fault: Fault, line: &Line<'_>) -> Fault {
    if fault.code != Code::InvalidJson {
        return fault;
    }
    let begin = line.text.iter().find(|byte| !byte.is_ascii_whitespace());
    fault.message = match begin {
        Some(b'{') => fault.message.replace(" at line 1 column ", " at column "),
        _ => "a JSON object is wanted".to_owned(),
    };
    fault
}

fn id_of(draft: &Draft) -> Option<EventId> {
    draft.id.as_deref().and_then(|id| EventId::parse(id).ok())
}

fn random_of(line: &Line<'_>, salt: Option<u64>) -> [u8; ID_RANDOM_BYTES] {
    let mut hash = Sha256::new();
    hash.update(line.number.to_be_bytes());
    hash.update(line.text);
    if let Some(salt) = salt {
        hash.update(salt.to_be_bytes());
    }
    let digest = hash.finalize();
    let mut random = [0; ID_RANDOM_BYTES];
    random.copy_from_slice(&digest[..ID_RANDOM_BYTES]);
    random
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::v1::Event;

    use super::*;

    const SALT: u64 = 1;
    const START: Millis = Millis::from_ms(1_700_000_000_000);

    fn preparer_of(start: Millis, shift_ms: i64, salt: u64) -> Preparer {
        Preparer::new(Epochs::new(start, Some(shift_ms)), salt)
    }

    fn prepare(preparer: &Preparer, number: u64, text: &str) -> Prepared {
        preparer.prepare(&Line {
            number,
            text: text.as_bytes(),
            bytes: 0,
        })
    }

    fn event(preparer: &Preparer, number: u64, text: &str) -> (Event, bool) {
        match prepare(preparer, number, text) {
            Prepared::Event { bytes, is_timeless } => (Event::decode(bytes).unwrap(), is_timeless),
            Prepared::Faulty(faults) => panic!("{faults:?}"),
        }
    }

    fn time(event: &Event) -> Millis {
        EventId::parse(&event.id).unwrap().time()
    }

    const TIMED: &str = r#"{"kind":"generic","name":"a","timestamp":"2026-01-31T08:30:00.250Z"}"#;
    const TIMELESS: &str = r#"{"kind":"generic","name":"a"}"#;

    #[test]
    fn an_id_is_a_function_of_line_number_and_time() {
        let preparer = preparer_of(START, 0, SALT);
        let (first, is_timeless) = event(&preparer, 1, TIMED);
        assert!(!is_timeless);
        assert_eq!(time(&first).to_string(), "2026-01-31T08:30:00.250Z");
        assert_eq!(event(&preparer_of(START.plus_ms(9), 0, SALT), 1, TIMED).0, first);
        assert_ne!(event(&preparer, 2, TIMED).0.id, first.id);
        assert_ne!(
            event(&preparer, 1, &TIMED.replace("\"a\"", "\"b\"")).0.id,
            first.id
        );
    }

    #[test]
    fn an_event_without_time_has_the_time_of_the_start() {
        let (first, is_timeless) = event(&preparer_of(START, 7, SALT), 1, TIMELESS);
        assert!(is_timeless);
        assert_eq!(time(&first), START);
        assert_eq!(event(&preparer_of(START, 7, SALT), 1, TIMELESS).0, first);
    }

    #[test]
    fn the_salt_tells_sendings_apart_where_the_time_does_not() {
        let id = |salt: u64, line: &str| event(&preparer_of(START, 0, salt), 1, line).0.id;
        assert_ne!(id(1, TIMELESS), id(2, TIMELESS));
        assert_eq!(id(1, TIMED), id(2, TIMED));
    }

    #[test]
    fn a_given_id_stays() {
        let id = EventId::made(START, [3; 10]).to_string();
        let line = format!(r#"{{"kind":"generic","name":"a","id":"{id}"}}"#);
        let (sent, is_timeless) = event(&preparer_of(START, 0, SALT), 1, &line);
        assert_eq!((sent.id, is_timeless), (id, false));
    }

    #[test]
    fn all_times_move_alike_and_ids_keep_their_other_bits() {
        let id = EventId::made(START, [3; 10]);
        let line = format!(r#"{{"kind":"generic","name":"a","id":"{id}","timestamp":"{START}"}}"#);
        let moved = EventId::made(START.plus_ms(5_000), [3; 10]);
        assert_eq!(
            event(&preparer_of(START, 5_000, SALT), 1, &line).0.id,
            moved.to_string()
        );
        assert_eq!(
            time(&event(&preparer_of(START, -250, SALT), 1, TIMED).0).to_string(),
            "2026-01-31T08:30:00.000Z"
        );
    }

    #[test]
    fn faults_have_the_codes_of_the_server() {
        let codes = |text: &str| match prepare(&preparer_of(START, 0, SALT), 1, text) {
            Prepared::Faulty(faults) => faults.into_iter().map(|fault| fault.code).collect::<Vec<_>>(),
            Prepared::Event { .. } => vec![],
        };
        assert_eq!(codes("[1]"), [Code::InvalidJson]);
        assert_eq!(codes("nonsense"), [Code::InvalidJson]);
        assert_eq!(
            codes(r#"{"kind":"generic","name":"a","method":"GET"}"#),
            [Code::UnknownField]
        );
        assert_eq!(
            codes(r#"{"kind":"generic","id":"7"}"#),
            [Code::Missing, Code::InvalidId]
        );
        assert_eq!(
            codes(&format!("{{\"name\":\"{}\"}}", "x".repeat(MAX_LINE_BYTES))),
            [Code::EventTooLarge]
        );
    }

    #[test]
    fn a_line_has_the_time_of_its_epoch_and_no_other_line_changes_it() {
        let mut epochs = Epochs::new(START, None);
        let before = event(&Preparer::new(epochs.clone(), SALT), 1, TIMELESS).0;
        epochs.begin(2, START.plus_ms(9), None);
        let preparer = Preparer::new(epochs, SALT);
        assert_eq!(event(&preparer, 1, TIMELESS).0, before);
        assert_eq!(time(&event(&preparer, 2, TIMELESS).0), START.plus_ms(9));
    }

    #[test]
    fn broken_json_is_told_with_its_column_and_no_second_line_number() {
        let message = |text: &str| match prepare(&preparer_of(START, 0, SALT), 5, text) {
            Prepared::Faulty(faults) => faults[0].message.clone(),
            Prepared::Event { .. } => String::new(),
        };
        for text in ["nonsense", " [1]", "7", "\"{\""] {
            assert_eq!(message(text), "a JSON object is wanted", "{text}");
        }
        let broken = message("{nonsense}");
        assert!(
            broken.contains("at column 2") && !broken.contains("line"),
            "{broken}"
        );
    }

    #[test]
    fn sizes_and_ages_are_left_to_the_server() {
        let line = format!(
            r#"{{"kind":"error","error_type":"x","timestamp":"1999-01-01T00:00:00Z","message":"{}"}}"#,
            "x".repeat(100_000)
        );
        event(&preparer_of(START, 0, SALT), 1, &line);
    }

    proptest! {
        #[test]
        fn no_line_and_no_shift_panics(text: Vec<u8>, number: u64, shift_ms: i64) {
            let preparer = preparer_of(START, shift_ms, SALT);
            let line = Line { number, text: &text, bytes: 0 };
            let _ = (preparer.prepare(&line), preparer.time_of(&line));
        }

        #[test]
        fn no_shift_of_a_time_panics(shift_ms: i64) {
            prepare(&preparer_of(START, shift_ms, SALT), 1, TIMED);
        }
    }
}
