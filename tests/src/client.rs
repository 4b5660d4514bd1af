//! HTTP and gRPC with a key, as any producer or reader would use them.

use std::time::{Duration, Instant};

use prost::bytes::Bytes;
use proto::v1;
use proto::v1::ingestion_client::IngestionClient;
use proto::v1::query_client::QueryClient;
use serde_json::Value;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::system::{Addresses, DEADLINE};

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as JSON, null where it is none.
    pub body: Value,
}

/// A client with one key.
pub struct Client {
    base: String,
    http: reqwest::Client,
    key: String,
    channel: Channel,
}

/// Adds the key to each call.
#[derive(Clone)]
pub struct WithKey(MetadataValue<Ascii>);

impl Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Client {
    /// A client of a system that must be there.
    pub async fn new(addresses: Addresses, key: &str) -> Self {
        Self::connect(addresses, key).await.unwrap()
    }

    /// A client, if the system is there.
    pub async fn connect(addresses: Addresses, key: &str) -> Result<Self, tonic::transport::Error> {
        let channel =
            Channel::from_shared(format!("http://{}", addresses.grpc)).expect("an address is a URI");
        Ok(Self {
            base: format!("http://{}", addresses.http),
            http: reqwest::Client::new(),
            key: key.to_owned(),
            channel: channel.connect().await?,
        })
    }

    /// Where the HTTP API is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The ingestion service.
    pub fn ingestion(&self) -> IngestionClient<InterceptedService<Channel, WithKey>> {
        IngestionClient::with_interceptor(self.channel.clone(), self.with_key())
    }

    /// The query service.
    pub fn query(&self) -> QueryClient<InterceptedService<Channel, WithKey>> {
        QueryClient::with_interceptor(self.channel.clone(), self.with_key())
            .max_decoding_message_size(64 * 1024 * 1024)
    }

    fn with_key(&self) -> WithKey {
        WithKey(format!("Bearer {}", self.key).parse().unwrap())
    }

    /// A request with the key.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.key)
            .timeout(DEADLINE)
    }

    /// Sends a body.
    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        answer(
            self.request("POST", path)
                .header("content-type", content_type)
                .body(body),
        )
        .await
    }

    /// Sends JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, "application/json", body.to_string()).await
    }

    /// Sends JSON, and answers with nothing when there is no answer.
    pub async fn try_post_json(&self, path: &str, body: &Value) -> Option<Answer> {
        let request = self
            .request("POST", path)
            .header("content-type", "application/json");
        try_answer(request.body(body.to_string())).await.ok()
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request("DELETE", path)).await
    }

    /// Every event that a search finds, over all its pages. `parameters` as in a URL.
    pub async fn search_all(&self, parameters: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = self
                .get(&format!("/api/v1/ingestion/events?{parameters}{cursor}"))
                .await;
            assert_eq!(answer.status, 200, "{answer:?}");
            found.extend(answer.body["events"].as_array().unwrap().iter().cloned());
            match answer.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }

    /// Searches until at least `count` events are found, then returns all of them.
    pub async fn search_until(&self, parameters: &str, count: usize) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let found = self.search_all(parameters).await;
            if found.len() >= count {
                return found;
            }
            assert!(
                begin.elapsed() < DEADLINE,
                "{} of {count} events are found",
                found.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes a tenant with one key of these scopes, with the platform key of this client.
    pub async fn make_tenant(&self, id: &str, scopes: &[&str]) -> String {
        let made = self
            .post_json(
                "/api/v1/admin/tenants",
                &serde_json::json!({"id": id, "name": id}),
            )
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        self.make_key(id, scopes).await
    }

    /// Makes a key of a tenant, with the platform key of this client.
    pub async fn make_key(&self, tenant: &str, scopes: &[&str]) -> String {
        let body = serde_json::json!({"tenant": tenant, "name": "test", "scopes": scopes});
        let made = self.post_json("/api/v1/admin/keys", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body["key"].as_str().unwrap().to_owned()
    }
}

/// Sends a request and reads the whole answer.
pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    try_answer(request).await.unwrap()
}

/// As [`answer`], where there may be none.
pub async fn try_answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await?;
    Ok(Answer {
        status,
        headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    })
}

/// A gRPC request of a batch.
pub fn batch(events: impl IntoIterator<Item = Bytes>) -> v1::IngestBatchRequest {
    v1::IngestBatchRequest {
        events: events.into_iter().collect(),
        ..v1::IngestBatchRequest::default()
    }
}
