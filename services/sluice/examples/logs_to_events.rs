//! Turns log files into events: one line of NDJSON on stdout for each line of the input, to be sent with
//! `sluice send`.
//!
//! usage: `logs_to_events [FILE]...`, without a file from standard input.
//!
//! It knows four shapes of lines, each told by its own look: the error log of the Apache web server, Hadoop
//! (log4j), OpenStack services, and the log of a step counter on a phone. Times are taken for UTC. A line of any
//! other shape, such as a further line of a stack trace, becomes an event of kind `generic` at the time of the line
//! before it.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

use serde_json::{Map, Value, json};

/// Limits of what the system accepts, in bytes.
const NAME_BYTES: usize = 128;
const PATH_BYTES: usize = 2_048;
const MESSAGE_BYTES: usize = 8 * 1_024;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn main() -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let files: Vec<String> = env::args().skip(1).collect();
    if files.is_empty() {
        convert(io::stdin().lock(), &mut output)?;
    }
    for path in files {
        let file =
            File::open(&path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        convert(BufReader::new(file), &mut output)?;
    }
    output.flush()
}

fn convert(mut input: impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    let mut time = None;
    while input.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let event = event(text.trim_end_matches(['\r', '\n']), &mut time);
        serde_json::to_writer(&mut *output, &event)?;
        output.write_all(b"\n")?;
        line.clear();
    }
    Ok(())
}

/// What a line says, whatever its shape.
#[derive(Default)]
struct Entry<'a> {
    time: String,
    level: &'a str,
    service: &'a str,
    /// Which part of the service speaks.
    component: &'a str,
    message: &'a str,
    attributes: Map<String, Value>,
}

/// The event of a line; `time` is that of the line before, and afterwards of this one.
fn event(line: &str, time: &mut Option<String>) -> Value {
    let read = apache(line)
        .or_else(|| hadoop(line))
        .or_else(|| health_app(line))
        .or_else(|| openstack(line));
    let entry = read.unwrap_or_else(|| Entry {
        time: time.clone().unwrap_or_default(),
        component: "log_line",
        message: line,
        ..Entry::default()
    });
    *time = Some(entry.time.clone()).filter(|time| !time.is_empty());
    let mut event = request(&entry)
        .or_else(|| error(&entry))
        .unwrap_or_else(|| generic(&entry));
    for (field, text) in [("timestamp", entry.time.as_str()), ("service", entry.service)] {
        if !text.is_empty() {
            event.insert(field.to_owned(), text.into());
        }
    }
    Value::Object(event)
}

/// `[Sun Dec 04 04:47:44 2005] [notice] what happened`
fn apache(line: &str) -> Option<Entry<'_>> {
    let (time, rest) = line.strip_prefix('[')?.split_once("] [")?;
    let (level, message) = rest.split_once("] ")?;
    let parts: Vec<&str> = time.split_ascii_whitespace().collect();
    let [_, month, day, clock, year] = parts[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Some(Entry {
        time: timestamp(year, &format!("{month:02}"), day, clock, "0")?,
        level,
        service: "httpd",
        component: "httpd",
        message,
        ..Entry::default()
    })
}

/// `2015-10-18 18:01:47,978 INFO [main] org.example.Class: what happened`
fn hadoop(line: &str) -> Option<Entry<'_>> {
    let (time, rest) = line.split_at_checked(23)?;
    let (clock, ms) = time.split_once(',')?;
    let (level, rest) = rest.strip_prefix(' ')?.split_once(" [")?;
    let (thread, rest) = rest.split_once("] ")?;
    let (component, message) = rest
        .split_once(": ")
        .or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    let is_name = !component.is_empty() && !component.contains(' ') && !level.contains(' ');
    is_name.then_some(())?;
    Some(Entry {
        time: date_and_clock(clock, ms)?,
        level,
        service: "hadoop",
        component,
        message,
        attributes: Map::from_iter([("thread".to_owned(), thread.into())]),
    })
}

/// `20171223-22:15:29:606|Step_LSC|30002312|what happened`
fn health_app(line: &str) -> Option<Entry<'_>> {
    let mut parts = line.splitn(4, '|');
    let (time, component) = (parts.next()?, parts.next()?);
    let (process, message) = (parts.next()?, parts.next()?);
    let (date, clock) = time.split_once('-')?;
    // Hours, minutes, seconds and milliseconds come without leading zeros.
    let (clock, ms) = clock.rsplit_once(':')?;
    let (year, rest) = date.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    Some(Entry {
        time: timestamp(year, month, day, clock, &format!("{ms:0>3}"))?,
        service: "healthapp",
        component,
        message,
        attributes: Map::from_iter([("process".to_owned(), process.into())]),
        ..Entry::default()
    })
}

/// `nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO nova.part [req-1 user project - - -] what happened`
fn openstack(line: &str) -> Option<Entry<'_>> {
    let mut words = line.splitn(7, ' ');
    let (file, date, clock) = (words.next()?, words.next()?, words.next()?);
    let (process, level, component) = (words.next()?, words.next()?, words.next()?);
    let rest = words.next()?;
    let (service, _) = file.split_once(".log")?;
    let (clock, ms) = clock.split_once('.')?;
    let (context, message) = rest
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
        .unwrap_or(("", rest));
    let mut attributes = Map::from_iter([("process".to_owned(), process.into())]);
    for (name, value) in ["request_id", "user", "project"]
        .into_iter()
        .zip(context.split(' '))
    {
        if !matches!(value, "" | "-") {
            attributes.insert(name.to_owned(), value.into());
        }
    }
    let time = date_and_clock(&format!("{date} {clock}"), ms)?;
    Some(Entry {
        time,
        level,
        service,
        component,
        message,
        attributes,
    })
}

/// The access lines of an API: `10.0.0.1 "GET /path HTTP/1.1" status: 200 len: 1893 time: 0.2477829`
fn request(entry: &Entry<'_>) -> Option<Map<String, Value>> {
    let (clients, rest) = entry.message.split_once(" \"")?;
    let (request, rest) = rest.split_once("\" status: ")?;
    let (status, rest) = rest.split_once(" len: ")?;
    let (bytes, seconds) = rest.split_once(" time: ")?;
    let [method, target, _protocol] = request.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let seconds: f64 = seconds.trim().parse().ok()?;
    let status: u16 = status
        .parse()
        .ok()
        .filter(|status| (100..=599).contains(status))?;
    let bytes: u64 = bytes.parse().ok()?;
    let is_time = seconds.is_finite() && seconds >= 0.0;
    (is_time && !method.is_empty() && !path.is_empty()).then_some(())?;
    let mut event = fields("api_request", entry);
    event.extend([
        ("method".to_owned(), clip(method, NAME_BYTES).into()),
        ("path".to_owned(), clip(path, PATH_BYTES).into()),
        ("status_code".to_owned(), status.into()),
        ("duration_ms".to_owned(), json!(seconds * 1_000.0)),
        ("response_bytes".to_owned(), bytes.into()),
    ]);
    if !query.is_empty() {
        event.insert("query".to_owned(), clip(query, PATH_BYTES).into());
    }
    // Behind a proxy there are two, the client's first.
    let client = clients
        .split(',')
        .next()
        .filter(|client| client.parse::<std::net::IpAddr>().is_ok());
    if let Some(client) = client {
        event.insert("client_ip".to_owned(), client.into());
    }
    Some(event)
}

fn error(entry: &Entry<'_>) -> Option<Map<String, Value>> {
    let severity = severity(entry.level);
    matches!(severity, "error" | "fatal").then_some(())?;
    let mut event = fields("error", entry);
    let message = if entry.message.is_empty() {
        entry.component
    } else {
        entry.message
    };
    event.insert("severity".to_owned(), severity.into());
    event.insert("error_type".to_owned(), clip(entry.component, NAME_BYTES).into());
    event.insert("message".to_owned(), clip(message, MESSAGE_BYTES).into());
    Some(event)
}

fn generic(entry: &Entry<'_>) -> Map<String, Value> {
    let mut event = fields("generic", entry);
    let name = if entry.component.is_empty() {
        "log_line"
    } else {
        entry.component
    };
    event.insert("severity".to_owned(), severity(entry.level).into());
    event.insert("name".to_owned(), clip(name, NAME_BYTES).into());
    if let Some(Value::Object(attributes)) = event.get_mut("attributes") {
        attributes.insert("message".to_owned(), clip(entry.message, MESSAGE_BYTES).into());
    }
    event
}

/// What all kinds have.
fn fields(kind: &str, entry: &Entry<'_>) -> Map<String, Value> {
    let mut attributes = entry.attributes.clone();
    for value in attributes.values_mut() {
        if let Value::String(text) = value {
            *text = clip(text, NAME_BYTES);
        }
    }
    if !entry.level.is_empty() {
        attributes.insert("level".to_owned(), clip(entry.level, NAME_BYTES).into());
    }
    if !entry.component.is_empty() {
        attributes.insert("component".to_owned(), clip(entry.component, NAME_BYTES).into());
    }
    Map::from_iter([
        ("kind".to_owned(), kind.into()),
        ("attributes".to_owned(), attributes.into()),
    ])
}

fn severity(level: &str) -> &'static str {
    match level.to_ascii_lowercase().as_str() {
        "trace" | "debug" => "debug",
        "warn" | "warning" => "warning",
        "error" | "err" => "error",
        "fatal" | "critical" | "crit" | "alert" | "emerg" => "fatal",
        _ => "info",
    }
}

fn date_and_clock(text: &str, ms: &str) -> Option<String> {
    let (date, clock) = text.split_once(' ')?;
    let mut parts = date.splitn(3, '-');
    timestamp(parts.next()?, parts.next()?, parts.next()?, clock, ms)
}

/// RFC 3339 of the parts, none where they are no time.
fn timestamp(year: &str, month: &str, day: &str, clock: &str, ms: &str) -> Option<String> {
    let numbers: Vec<u32> = clock.split(':').map(digits).collect::<Option<_>>()?;
    let [hour, minute, second] = numbers[..] else {
        return None;
    };
    let (year, month, day, ms) = (digits(year)?, digits(month)?, digits(day)?, digits(ms)?);
    let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z");
    text.parse::<domain::time::Millis>()
        .ok()
        .map(|time| time.to_string())
}

fn digits(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// At most so many bytes, cut between characters; without NUL, which the system refuses.
fn clip(text: &str, max_bytes: usize) -> String {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', " ")
}

#[cfg(test)]
mod tests {
    use domain::json;
    use domain::limits::Limits;
    use domain::tenant::TenantId;
    use domain::time::Millis;
    use domain::validate::{FuturePolicy, Receipt, validate};

    use super::*;

    fn one(line: &str) -> Value {
        event(line, &mut None)
    }

    /// Checks an event as the system would.
    fn assert_valid(event: &Value) {
        let limits = Limits {
            max_age_ms: i64::MAX,
            ..Limits::default()
        };
        let receipt = Receipt {
            tenant: &TenantId::parse("demo").unwrap(),
            received_at: Millis::from_ms(1_800_000_000_000),
            sent_at: None,
            idempotency_key: None,
            future: FuturePolicy::Refuse,
            limits: &limits,
        };
        validate(
            json::read(event.to_string().as_bytes(), &limits),
            0,
            &receipt,
            [0; 10],
        )
        .unwrap_or_else(|faults| panic!("{event}: {faults:?}"));
    }

    #[test]
    fn an_access_line_becomes_a_request() {
        let event = one(
            "nova-api.log.1.2020-02-03_04:05:06 2020-02-03 04:05:06.007 123 INFO nova.wsgi.server \
             [req-1a 2b 3c - - -] 10.1.2.3,10.9.9.9 \"GET /v2/3c/servers?limit=2 HTTP/1.1\" status: 404 len: 512 time: 0.2500000",
        );
        assert_valid(&event);
        let expected = json!({
            "kind": "api_request", "timestamp": "2020-02-03T04:05:06.007Z", "service": "nova-api",
            "method": "GET", "path": "/v2/3c/servers", "query": "limit=2", "status_code": 404,
            "duration_ms": 250.0, "response_bytes": 512, "client_ip": "10.1.2.3",
            "attributes": {
                "level": "INFO", "component": "nova.wsgi.server", "process": "123",
                "request_id": "req-1a", "user": "2b", "project": "3c",
            },
        });
        assert_eq!(event, expected);
    }

    #[test]
    fn errors_become_errors() {
        let event = one("[Mon Feb 03 04:05:06 2020] [error] mod_x: worker 7 is gone");
        assert_valid(&event);
        assert_eq!(event["kind"], "error");
        assert_eq!(event["timestamp"], "2020-02-03T04:05:06.000Z");
        assert_eq!(event["message"], "mod_x: worker 7 is gone");

        let event = one("2020-02-03 04:05:06,789 FATAL [main] com.example.Master: no quorum: 1 of 3");
        assert_valid(&event);
        assert_eq!(
            (&event["kind"], &event["severity"]),
            (&json!("error"), &json!("fatal"))
        );
        assert_eq!(event["error_type"], "com.example.Master");
        assert_eq!(event["message"], "no quorum: 1 of 3");
        assert_eq!(event["timestamp"], "2020-02-03T04:05:06.789Z");
    }

    #[test]
    fn everything_else_is_generic() {
        for (line, name, severity, time) in [
            (
                "[Mon Feb 03 04:05:06 2020] [notice] started",
                "httpd",
                "info",
                "2020-02-03T04:05:06.000Z",
            ),
            (
                "2020-02-03 04:05:06,789 WARN [IPC Server handler 3 on 1] com.example.A$B: slow: 9 ms",
                "com.example.A$B",
                "warning",
                "2020-02-03T04:05:06.789Z",
            ),
            (
                "2020-02-03 04:05:06,789 INFO [main] com.example.A:",
                "com.example.A",
                "info",
                "2020-02-03T04:05:06.789Z",
            ),
            (
                "20200203-4:5:6:7|Step_Counter|3001|onWalk 12 | 13",
                "Step_Counter",
                "info",
                "2020-02-03T04:05:06.007Z",
            ),
            (
                "nova-compute.log.1 2020-02-03 04:05:06.789 9 WARNING nova.image [req-1 - - - - -] unknown file: /x",
                "nova.image",
                "warning",
                "2020-02-03T04:05:06.789Z",
            ),
        ] {
            let event = one(line);
            assert_valid(&event);
            assert_eq!(event["kind"], "generic", "{line}");
            assert_eq!(event["name"], name, "{line}");
            assert_eq!(event["severity"], severity, "{line}");
            assert_eq!(event["timestamp"], time, "{line}");
        }
        assert_eq!(
            one("20200203-4:5:6:7|Step_Counter|3001|onWalk 12 | 13")["attributes"]["message"],
            "onWalk 12 | 13"
        );
    }

    #[test]
    fn a_line_of_no_shape_has_the_time_of_the_line_before() {
        let mut time = None;
        event(
            "2020-02-03 04:05:06,789 ERROR [main] com.example.A: failed",
            &mut time,
        );
        let next = event("\tat com.example.A.run(A.java:7)", &mut time);
        assert_eq!(next["timestamp"], "2020-02-03T04:05:06.789Z");
        assert_eq!(next["attributes"]["message"], "\tat com.example.A.run(A.java:7)");
        assert_eq!(one("odd").get("timestamp"), None);
    }

    #[test]
    fn each_line_becomes_one_valid_event() {
        let long = format!("2020-02-03 04:05:06,789 ERROR [{0}] {0}: {0}", "ü".repeat(9_000));
        let lines = [
            "",
            " ",
            "\0",
            "[",
            "[a b c d e] [f] g",
            "[Mon Feb 99 04:05:06 2020] [notice] x",
            "||||",
            "1|2|3|4",
            "2020-02-03 04:05:06,789",
            "2020-02-03 04:05:06,789 INFO [x",
            "üüüüüüüüüüüüüüüüüüüü",
            "a.log 1 2 3 4 5 6",
            "nova.log 2020-02-03 04:05:06.789 9 INFO n [r] 1 \"GET / HTTP/1.1\" status: 999 len: 1 time: 1",
            "nova.log 2020-02-03 04:05:06.789 9 INFO n [r] x \"GET / HTTP/1.1\" status: 200 len: 1 time: -1",
            "nova.log 2020-02-03 04:05:06.789 9 ERROR n [r] ",
            long.as_str(),
        ];
        let mut output = Vec::new();
        convert(lines.join("\r\n").as_bytes(), &mut output).unwrap();
        let events: Vec<Value> = String::from_utf8(output)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(events.len(), lines.len());
        events.iter().for_each(assert_valid);
    }
}
