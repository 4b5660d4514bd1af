//! The gRPC codec of our services: protobuf, with a bound on what a message can become in memory.
//!
//! A repeated field of empty messages takes two bytes an entry on the wire and sixteen times that in memory. So
//! the fields of a message are counted before any is decoded.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use prost::Message;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::{ProstCodec, ProstEncoder};

/// Fields that the top level of one message may have, each entry of a repeated field counted. Ten times what
/// the limits of events need.
pub const MAX_FIELDS: usize = 16_384;

/// Protobuf whose messages have at most [`MAX_FIELDS`] fields.
#[derive(Clone, Debug)]
pub struct Bounded<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Bounded<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Bounded<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(PhantomData)
    }
}

/// The decoder of [`Bounded`].
#[derive(Clone, Debug)]
pub struct BoundedDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let message = buffer.copy_to_bytes(buffer.remaining());
        check_fields(message.clone())?;
        let decoded = U::decode(message).map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        Ok(Some(decoded))
    }
}

/// Counts fields without decoding them. What is malformed is for the decoder to say.
fn check_fields(mut message: Bytes) -> Result<(), Status> {
    for _ in 0..MAX_FIELDS {
        if !message.has_remaining() {
            return Ok(());
        }
        let Some(field) = field_bytes(&mut message).filter(|bytes| *bytes <= message.remaining()) else {
            return Err(Status::internal("message does not decode"));
        };
        message.advance(field);
    }
    if message.has_remaining() {
        let detail = format!(
            "message has more than {MAX_FIELDS} fields, each entry of a list counted, which is the most allowed"
        );
        return Err(Status::resource_exhausted(detail));
    }
    Ok(())
}

/// Takes the key of a field, and the length where it has one; tells the bytes of its value.
fn field_bytes(message: &mut Bytes) -> Option<usize> {
    const VARINT: u64 = 0;
    const FIXED_64: u64 = 1;
    const LENGTH_DELIMITED: u64 = 2;
    const FIXED_32: u64 = 5;
    match varint(message)? & 0b111 {
        VARINT => varint(message).map(|_| 0),
        FIXED_64 => Some(8),
        LENGTH_DELIMITED => usize::try_from(varint(message)?).ok(),
        FIXED_32 => Some(4),
        // Groups, which our schema does not have.
        _ => None,
    }
}

fn varint(message: &mut Bytes) -> Option<u64> {
    prost::encoding::decode_varint(message).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::v1;

    fn batch(events: usize) -> Bytes {
        v1::IngestBatchRequest {
            events: vec![Bytes::new(); events],
            ..v1::IngestBatchRequest::default()
        }
        .encode_to_vec()
        .into()
    }

    #[test]
    fn a_message_has_a_bounded_number_of_fields() {
        assert!(check_fields(batch(MAX_FIELDS)).is_ok());
        let status = check_fields(batch(MAX_FIELDS + 1)).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
    }

    proptest! {
        #[test]
        fn what_decodes_within_the_bound_passes(events: Vec<Vec<u8>>, seconds: i64, key: String) {
            let message = v1::IngestBatchRequest {
                events: events.into_iter().map(Bytes::from).collect(),
                sent_at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
                idempotency_key: key,
            };
            prop_assert!(check_fields(message.encode_to_vec().into()).is_ok());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = check_fields(bytes.into());
        }
    }
}
