//! Keys in headers: what opens, what does not, and what a refusal says.

use axum::Router;
use axum::routing::post;
use chassis::clock::Manual;
use domain::control::{KeyRecord, Record, Revocation, State, TenantRecord};
use domain::key::{ApiKey, Pepper};
use http::header::CONTENT_TYPE;
use proptest::prelude::*;
use tower::ServiceExt;

use super::*;

const NOW: Millis = Millis::from_ms(1_000);

fn peppers() -> Arc<Peppers> {
    Arc::new(Peppers::new(Pepper::new("p1", &[1; 32]).unwrap(), vec![]))
}

fn key(seed: u8) -> ApiKey {
    ApiKey::generate(&[seed; ApiKey::RANDOM_BYTES])
}

/// Key 1 is live, key 2 expires in a second, key 3 is revoked, key 4 is a platform key, key 5 is unknown.
fn state() -> State {
    let demo = TenantId::parse("demo").unwrap();
    let record = |seed: u8| KeyRecord {
        id: *key(seed).id(),
        tenant: Some(demo.clone()),
        name: "test".into(),
        scopes: domain::key::Scopes::from([Scope::Ingest]),
        created_at: NOW,
        expires_at: (seed == 2).then(|| NOW.plus_ms(1_000)),
        pepper: "p1".into(),
        digest: key(seed).digest(peppers().first()),
        replaces: None,
        version: 1,
    };
    let platform = KeyRecord {
        tenant: None,
        scopes: domain::key::Scopes::from([Scope::Platform]),
        ..record(4)
    };
    let tenant = TenantRecord {
        id: demo.clone(),
        name: "Demo".into(),
        created_at: NOW,
        closed_at: None,
        version: 1,
    };
    let revocation = Revocation {
        key: *key(3).id(),
        revoked_at: NOW,
    };
    let mut state = State::default();
    state.apply(Record::Tenant(tenant));
    for record in [record(1), record(2), record(3), platform] {
        state.apply(Record::Key(record));
    }
    state.apply(Record::Revocation(revocation));
    state
}

fn access_at(clock: Arc<Manual>) -> Access {
    Access::new(View::fixed(state()), peppers(), clock)
}

fn access() -> Access {
    access_at(Arc::new(Manual::at(NOW.as_ms())))
}

fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn refused(pairs: &[(&'static str, &[u8])]) -> String {
    let error = access().caller(&headers(pairs)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthenticated);
    error.detail
}

fn bearer_of(seed: u8) -> Vec<u8> {
    format!("Bearer {}", key(seed).reveal()).into_bytes()
}

#[test]
fn a_live_key_is_taken_from_either_header_and_from_both() {
    let raw = key(1).reveal().as_bytes().to_vec();
    let lower = format!("bEARER   {} ", key(1).reveal()).into_bytes();
    for pairs in [
        &[("authorization", &bearer_of(1)[..])][..],
        &[("authorization", &lower[..])],
        &[("x-api-key", &raw[..])],
        &[("authorization", &bearer_of(1)[..]), ("x-api-key", &raw[..])],
    ] {
        let caller = access().caller(&headers(pairs)).unwrap();
        assert_eq!(tenant_of(&caller, Scope::Ingest).unwrap().as_str(), "demo");
    }
}

#[test]
fn two_keys_in_one_request_are_refused() {
    let other = key(2).reveal().as_bytes().to_vec();
    let detail = refused(&[("authorization", &bearer_of(1)), ("x-api-key", &other)]);
    assert!(detail.contains("different keys"), "{detail}");
    let detail = refused(&[("authorization", &bearer_of(1)), ("authorization", &bearer_of(1))]);
    assert!(detail.contains("stands twice"), "{detail}");
    assert!(refused(&[("x-api-key", &other), ("x-api-key", &other)]).contains("stands twice"));
}

#[test]
fn requests_without_a_key_are_told_how_to_send_one() {
    assert!(refused(&[]).contains("Authorization: Bearer"));
    for value in [
        &b""[..],
        b"Bearer",
        b"Basic dXNlcjpwYXNz",
        b"Token x",
        key(1).reveal().as_bytes(),
    ] {
        assert!(refused(&[("authorization", value)]).contains("must be `Bearer"));
    }
}

#[test]
fn a_wrong_scheme_is_not_made_good_by_the_other_header() {
    let raw = key(1).reveal().as_bytes().to_vec();
    assert!(refused(&[("authorization", b"Basic eA=="), ("x-api-key", &raw)]).contains("must be `Bearer"));
}

#[test]
fn keys_that_open_nothing_are_refused_in_the_same_words() {
    let text = |seed: u8| key(seed).reveal().to_owned();
    let cut = text(1)[..40].to_owned();
    let mistyped = key(1).reveal().replace(char::is_numeric, "z");
    let keys = [
        text(2),
        text(3),
        text(5),
        cut,
        mistyped,
        "slk_".to_owned(),
        "a".repeat(1 << 20),
    ];
    let access = access_at(Arc::new(Manual::at(NOW.as_ms() + 5_000)));
    for key in keys {
        let error = access
            .caller(&headers(&[("x-api-key", key.as_bytes())]))
            .unwrap_err();
        assert_eq!(
            (error.code, &*error.detail),
            (ErrorCode::Unauthenticated, "the key is not valid")
        );
    }
    assert!(refused(&[("x-api-key", b"\xff\xfe")]).contains("characters that no key has"));
    assert!(refused(&[("authorization", "Bearer \u{e4}".as_bytes())]).contains("characters that no key has"));
}

#[test]
fn a_refusal_never_repeats_the_key() {
    let detail = refused(&[("authorization", &bearer_of(5))]);
    let printed = format!("{detail} {:?}", access());
    assert!(!printed.contains(&key(5).reveal()[17..]));
}

#[test]
fn a_stream_is_told_when_its_key_ends() {
    let clock = Arc::new(Manual::at(NOW.as_ms()));
    let access = access_at(Arc::clone(&clock));
    let caller = access
        .caller(&headers(&[("authorization", &bearer_of(2))]))
        .unwrap();
    assert!(access.recheck(&caller).is_ok());
    clock.advance(1_000);
    assert_eq!(
        access.recheck(&caller).unwrap_err().code,
        ErrorCode::Unauthenticated
    );
}

#[test]
fn a_missing_scope_is_named() {
    let ingest = access()
        .caller(&headers(&[("authorization", &bearer_of(1))]))
        .unwrap();
    let error = tenant_of(&ingest, Scope::Read).unwrap_err();
    assert_eq!(error.code, ErrorCode::MissingScope);
    assert_eq!(error.detail, "this needs a key with the scope read");
    let platform = access()
        .caller(&headers(&[("authorization", &bearer_of(4))]))
        .unwrap();
    assert!(require(&platform, Scope::Platform).is_ok());
    let error = tenant_of(&platform, Scope::Platform).unwrap_err();
    assert_eq!(error.detail, "this needs a key of a tenant");
}

async fn call(content_type: &str, authorization: Option<Vec<u8>>) -> Response {
    let body = Body::from_stream(futures::stream::once(async {
        Err::<Vec<u8>, _>(std::io::Error::other("the body was read"))
    }));
    let mut request = Request::post("/")
        .header(CONTENT_TYPE, content_type)
        .body(body)
        .unwrap();
    if let Some(value) = authorization {
        let value = HeaderValue::from_bytes(&value).unwrap();
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let seen = async |request: Request<Body>| {
        let caller = request.extensions().get::<Caller>().unwrap();
        caller.tenant().unwrap().to_string()
    };
    let router = Router::new().route("/", post(seen)).layer(access().layer());
    router.oneshot(request).await.unwrap()
}

#[tokio::test]
async fn the_layer_refuses_in_the_protocol_of_the_request_without_reading_its_body() {
    let response = call("application/json", None).await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");

    let response = call("application/grpc+proto", None).await;
    assert_eq!(response.status(), 200);
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);

    let response = call("application/json", Some(bearer_of(1))).await;
    assert_eq!(response.status(), 200);
}

proptest! {
    #[test]
    fn no_header_panics_or_opens_anything(
        authorization in proptest::collection::vec(32_u8..=255, 0..80),
        api_key in proptest::collection::vec(32_u8..=255, 0..80),
    ) {
        prop_assume!(!authorization.contains(&127) && !api_key.contains(&127));
        let pairs: [(&'static str, &[u8]); 2] = [("authorization", &authorization), ("x-api-key", &api_key)];
        prop_assert!(access().caller(&headers(&pairs)).is_err());
        prop_assert!(access().caller(&headers(&pairs[..1])).is_err());
        prop_assert!(access().caller(&headers(&pairs[1..])).is_err());
    }
}
