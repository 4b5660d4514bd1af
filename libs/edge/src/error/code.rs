//! The one table of errors: name, HTTP status, gRPC code and title of each.

use http::StatusCode;
use tonic::Code;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident: $name:literal, $http:ident, $grpc:ident, $title:literal;)+) => {
        /// Stable name of an error. Clients branch on it, so none is ever renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in every protocol.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The status of the HTTP answer.
            pub const fn http_status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$http,)+ }
            }

            /// The code of the gRPC status.
            pub const fn grpc_code(self) -> Code {
                match self { $(Self::$variant => Code::$grpc,)+ }
            }

            /// What it is in general, the same for each occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

error_codes! {
    /// A parameter or a header is wrong.
    InvalidRequest: "invalid_request", BAD_REQUEST, InvalidArgument, "The request is not valid";
    /// The body is not what its headers say.
    InvalidBody: "invalid_body", BAD_REQUEST, InvalidArgument, "The body can't be read";
    /// The batch has no event.
    EmptyBatch: "empty_batch", BAD_REQUEST, InvalidArgument, "The batch is empty";
    /// The batch has more events than allowed.
    TooManyEvents: "too_many_events", PAYLOAD_TOO_LARGE, InvalidArgument, "The batch has too many events";
    /// No event of the request is valid.
    InvalidEvents: "invalid_events", BAD_REQUEST, InvalidArgument, "No event is valid";
    /// The cursor is not ours, or was made for another query.
    InvalidCursor: "invalid_cursor", BAD_REQUEST, InvalidArgument, "The cursor is not valid";
    /// The ingest token is not ours, or is another tenant's.
    InvalidToken: "invalid_token", BAD_REQUEST, InvalidArgument, "The token is not valid";
    /// The range of time does not parse, or is empty.
    InvalidRange: "invalid_range", BAD_REQUEST, InvalidArgument, "The range of time is not valid";
    /// The filter does not parse.
    InvalidFilter: "invalid_filter", BAD_REQUEST, InvalidArgument, "The filter is not valid";
    /// There is no key, or it opens nothing.
    Unauthenticated: "unauthenticated", UNAUTHORIZED, Unauthenticated, "A valid key is needed";
    /// The key may not be used for this.
    MissingScope: "missing_scope", FORBIDDEN, PermissionDenied, "The key lacks a scope";
    /// There is nothing by this name, or not for this caller.
    NotFound: "not_found", NOT_FOUND, NotFound, "Not found";
    /// The path exists, but not for this method.
    MethodNotAllowed: "method_not_allowed", METHOD_NOT_ALLOWED, Unimplemented, "The method is not allowed here";
    /// The request did not arrive in time.
    RequestTimeout: "request_timeout", REQUEST_TIMEOUT, DeadlineExceeded, "The request took too long to arrive";
    /// There is one already.
    Conflict: "conflict", CONFLICT, AlreadyExists, "It exists already";
    /// It was changed since the caller looked.
    VersionConflict: "version_conflict", CONFLICT, Aborted, "Somebody changed it meanwhile";
    /// The body is larger than allowed.
    BodyTooLarge: "body_too_large", PAYLOAD_TOO_LARGE, ResourceExhausted, "The body is too large";
    /// The body has a type that is not taken here.
    UnsupportedMediaType: "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, InvalidArgument, "The type of the body is not supported";
    /// The body is compressed in a way that is not taken here.
    UnsupportedEncoding: "unsupported_encoding", UNSUPPORTED_MEDIA_TYPE, Unimplemented, "The encoding of the body is not supported";
    /// The tenant is over a limit.
    Limited: "limited", TOO_MANY_REQUESTS, ResourceExhausted, "A limit of the tenant is reached";
    /// A fault of ours.
    Internal: "internal", INTERNAL_SERVER_ERROR, Internal, "Something is wrong on our side";
    /// It can't be done now; the same request may work later.
    Unavailable: "unavailable", SERVICE_UNAVAILABLE, Unavailable, "The service is not available now";
    /// What the request waited for did not become visible in time; it is on its way.
    InFlight: "not_yet_visible", GATEWAY_TIMEOUT, DeadlineExceeded, "The write is not visible yet";
}

impl ErrorCode {
    /// Whether the fault is ours and not the caller's.
    pub fn is_ours(self) -> bool {
        self.http_status().is_server_error()
    }
}
