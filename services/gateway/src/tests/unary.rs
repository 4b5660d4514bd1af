//! Single calls over gRPC, on a real connection.

use bytes::Bytes;
use domain::limits::Limits;
use prost::Message;
use proto::v1;
use proto::v1::ingestion_client::IngestionClient;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

use super::harness::{Fault, House, within};

pub(super) async fn connect(house: &House) -> Channel {
    Channel::from_shared(house.grpc_url.clone())
        .unwrap()
        .connect()
        .await
        .unwrap()
}

pub(super) fn keyed<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(
        "authorization",
        MetadataValue::try_from(format!("Bearer {key}")).unwrap(),
    );
    request
}

pub(super) fn event(name: &str) -> Bytes {
    let body = v1::event::Body::Generic(v1::Generic {
        name: name.to_owned(),
    });
    v1::Event {
        user_id: "u-1".to_owned(),
        body: Some(body),
        ..v1::Event::default()
    }
    .encode_to_vec()
    .into()
}

fn batch(events: Vec<Bytes>) -> v1::IngestBatchRequest {
    v1::IngestBatchRequest {
        events,
        ..v1::IngestBatchRequest::default()
    }
}

#[tokio::test]
async fn one_event_is_taken_or_refused_with_its_faults() {
    let house = House::new().await;
    let mut client = IngestionClient::new(connect(&house).await);
    let one = v1::IngestRequest {
        event: event("a"),
        ..v1::IngestRequest::default()
    };
    let answer = client
        .ingest(keyed(&house.keys.ingest, one))
        .await
        .unwrap()
        .into_inner();
    assert!(!answer.id.is_empty() && !answer.token.is_empty());
    assert_eq!(house.events().await.len(), 1);

    let status = client
        .ingest(keyed(&house.keys.ingest, v1::IngestRequest::default()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "invalid_events");
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(
        (violations[0].field.as_str(), violations[0].reason.as_str()),
        ("kind", "missing")
    );
    assert!(!details.request_info().unwrap().request_id.is_empty());

    house.log.set(Fault::Full);
    let one = v1::IngestRequest {
        event: event("a"),
        ..v1::IngestRequest::default()
    };
    let status = client.ingest(keyed(&house.keys.ingest, one)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status
            .get_error_details()
            .retry_info()
            .unwrap()
            .retry_delay
            .unwrap()
            .as_secs(),
        1
    );
    house.stop().await;
}

#[tokio::test]
async fn a_batch_has_a_verdict_for_each_event_also_where_none_is_valid() {
    let house = House::new().await;
    let mut client = IngestionClient::new(connect(&house).await);
    let key = &house.keys.ingest;
    let events = vec![event("a"), Bytes::from_static(b"\xff"), event("b")];
    let answer = client
        .ingest_batch(keyed(key, batch(events)))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (answer.accepted, answer.rejected, answer.results.len()),
        (2, 1, 3)
    );
    assert_eq!(answer.results[1].errors[0].code, "invalid_protobuf");

    let answer = client
        .ingest_batch(keyed(key, batch(vec![Bytes::new()])))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (answer.accepted, answer.rejected, answer.token.as_str()),
        (0, 1, "")
    );

    for (number, reason) in [(0, "empty_batch"), (1_001, "too_many_events")] {
        let status = client
            .ingest_batch(keyed(key, batch(vec![event("a"); number])))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, reason);
    }
    let faulty = v1::IngestBatchRequest {
        idempotency_key: "a b".to_owned(),
        ..batch(vec![event("a")])
    };
    let status = client.ingest_batch(keyed(key, faulty)).await.unwrap_err();
    assert_eq!(
        status.get_error_details().bad_request().unwrap().field_violations[0].field,
        "idempotency_key"
    );
    house.stop().await;
}

#[tokio::test]
async fn validation_publishes_nothing_and_shows_no_made_id() {
    let house = House::new().await;
    let mut client = IngestionClient::new(connect(&house).await);
    let request = v1::ValidateRequest {
        events: vec![event("a"), Bytes::new()],
        sent_at: None,
    };
    let answer = client
        .validate(keyed(&house.keys.ingest, request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((answer.valid, answer.invalid), (1, 1));
    assert_eq!(answer.results[0].id, "");
    assert!(house.events().await.is_empty());
    house.stop().await;
}

#[tokio::test]
async fn a_caller_without_key_or_scope_is_refused() {
    let house = House::new().await;
    let mut client = IngestionClient::new(connect(&house).await);
    let status = client.ingest_batch(batch(vec![event("a")])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(
        status.get_error_details().error_info().unwrap().reason,
        "unauthenticated"
    );
    for key in [&house.keys.read, &house.keys.manage, &house.keys.platform] {
        let status = client
            .ingest_batch(keyed(key, batch(vec![event("a")])))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
    }
    let mut request = Request::new(batch(vec![event("a")]));
    request
        .metadata_mut()
        .insert("x-api-key", MetadataValue::try_from(&house.keys.ingest).unwrap());
    assert_eq!(
        client.ingest_batch(request).await.unwrap().into_inner().accepted,
        1
    );
    house.stop().await;
}

#[tokio::test]
async fn messages_are_read_compressed_and_up_to_their_size() {
    let house = House::new().await;
    let channel = connect(&house).await;
    // Padding of an unknown field, which is passed over.
    let padding = |bytes: usize| {
        Bytes::from(
            [&[0xfa, 0x3f, 0xff, 0xff, 0x03][..], &vec![b' '; 65_535]]
                .concat()
                .repeat(bytes / 65_540),
        )
    };
    let events = |bytes: usize| {
        let large = padding(200 << 10);
        batch(vec![
            [&event("a")[..], &large].concat().into();
            bytes / large.len()
        ])
    };
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = IngestionClient::new(channel.clone())
            .send_compressed(encoding)
            .accept_compressed(encoding);
        let answer = client
            .ingest_batch(keyed(&house.keys.ingest, events(7 << 20)))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.rejected, 0);
        let status = client
            .ingest_batch(keyed(&house.keys.ingest, events(12 << 20)))
            .await
            .unwrap_err();
        assert_too_large(&status);
    }
    let mut client = IngestionClient::new(channel);
    assert_too_large(
        &client
            .ingest_batch(keyed(&house.keys.ingest, events(12 << 20)))
            .await
            .unwrap_err(),
    );
    assert!(Limits::default().body_bytes < 12 << 20);
    house.stop().await;
}

#[track_caller]
fn assert_too_large(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(
        status.get_error_details().error_info().unwrap().reason,
        "body_too_large"
    );
}

#[tokio::test]
async fn health_and_reflection_need_no_key() {
    let house = House::new().await;
    let channel = connect(&house).await;
    let mut health = HealthClient::new(channel.clone());
    within(async {
        loop {
            let request = HealthCheckRequest {
                service: "sluice.v1.Ingestion".to_owned(),
            };
            let status = health.check(request).await.unwrap().into_inner().status();
            if status == ServingStatus::Serving {
                break;
            }
        }
    })
    .await;
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(channel);
    let mut answers = reflection
        .server_reflection_info(tokio_stream::once(ask))
        .await
        .unwrap()
        .into_inner();
    let answer = answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    assert!(
        list.service
            .iter()
            .any(|service| service.name == "sluice.v1.Ingestion"),
        "{list:?}"
    );
    house.stop().await;
}
