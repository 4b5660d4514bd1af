//! Bodies of every kind: whole, broken, hostile, slow, and many at once.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use futures::stream::{self, StreamExt};
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use proptest::prelude::*;

use super::*;

const MIB: usize = 1024 * 1024;

fn limits() -> BodyLimits {
    BodyLimits {
        max_bytes: MIB,
        stall: Duration::from_secs(5),
        total: Duration::from_secs(20),
    }
}

fn reader() -> BodyReader {
    BodyReader::new(limits(), 4 * MIB)
}

fn encoded(encoding: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
    headers
}

/// A body of these pieces, and how many of them were taken.
fn pieces(bytes: &[u8], size: usize) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let pieces: Vec<_> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).map(move |piece| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, io::Error>(piece)
    });
    (Body::from_stream(pieces), taken)
}

async fn read(encoding: &str, bytes: &[u8]) -> Result<Vec<u8>, ErrorCode> {
    read_pieces(encoding, bytes, 1_000).await
}

async fn read_pieces(encoding: &str, bytes: &[u8], size: usize) -> Result<Vec<u8>, ErrorCode> {
    let reader = reader();
    let (body, _) = pieces(bytes, size);
    let result = reader.read(&encoded(encoding), body).await;
    let result = result.map(|body| body.bytes.to_vec()).map_err(|error| error.code);
    assert_eq!(reader.budget.free_bytes(), 4 * MIB, "all is given back");
    result
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zeros(bytes: u64) -> impl Read {
    io::repeat(0).take(bytes)
}

#[tokio::test]
async fn a_body_is_read_whole_and_holds_its_part_of_the_budget() {
    let reader = reader();
    let content = vec![7; 300_000];
    let (body, _) = pieces(&content, 1_000);
    let read = reader.read(&HeaderMap::new(), body).await.unwrap();
    assert_eq!(read.bytes, content);
    let held = read.permit.bytes();
    assert!((300_000..=512 * 1024).contains(&held), "{held}");
    assert_eq!(reader.budget.free_bytes(), 4 * MIB - held);
    drop(read);
    assert_eq!(reader.budget.free_bytes(), 4 * MIB);
}

#[tokio::test]
async fn an_announced_size_is_reserved_and_no_more() {
    let reader = reader();
    let body = reader
        .read(&HeaderMap::new(), Body::from(vec![1; 200_000]))
        .await
        .unwrap();
    assert_eq!(body.permit.bytes(), 200_000_usize.next_multiple_of(1024));
    let small = reader.read(&HeaderMap::new(), Body::from("{}")).await.unwrap();
    assert_eq!(small.permit.bytes(), 1024);
    let empty = reader.read(&HeaderMap::new(), Body::empty()).await.unwrap();
    assert_eq!((empty.bytes.len(), empty.permit.bytes()), (0, 0));
}

#[tokio::test]
async fn a_body_at_the_cap_is_read_and_one_byte_more_is_not() {
    let (fits, over) = (vec![3; MIB], vec![3; MIB + 1]);
    for (name, packed, packed_over) in [
        ("identity", fits.clone(), over.clone()),
        ("gzip", gzip(&fits), gzip(&over)),
        ("zstd", zstd(&fits), zstd(&over)),
    ] {
        assert_eq!(read(name, &packed).await.unwrap().len(), MIB, "{name}");
        assert_eq!(
            read(name, &packed_over).await,
            Err(ErrorCode::BodyTooLarge),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_unread() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(MIB + 1));
    let (body, taken) = pieces(b"small", 1);
    let error = reader().read(&headers, body).await.unwrap_err();
    assert_eq!(
        (error.code, taken.load(Ordering::Relaxed)),
        (ErrorCode::BodyTooLarge, 0)
    );
}

#[tokio::test]
async fn an_announced_size_that_is_too_small_lifts_no_cap() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("1"));
    let (body, taken) = pieces(&vec![0; 2 * MIB], 64 * 1024);
    let error = reader().read(&headers, body).await.unwrap_err();
    assert_eq!(
        (error.code, taken.load(Ordering::Relaxed)),
        (ErrorCode::BodyTooLarge, 17)
    );
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("-1"));
    assert!(reader().read(&headers, Body::from("{}")).await.is_ok());
}

#[tokio::test]
async fn a_bomb_stops_at_the_cap_after_a_part_of_its_input() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(&mut zeros(100_000_000), &mut gzip).unwrap();
    let mut zstd = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    io::copy(&mut zeros(100_000_000), &mut zstd).unwrap();
    for (name, bomb) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd.finish().unwrap())] {
        let reader = reader();
        let (body, taken) = pieces(&bomb, 100);
        let error = reader.read(&encoded(name), body).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BodyTooLarge, "{name}");
        let (taken, all) = (taken.load(Ordering::Relaxed), bomb.len().div_ceil(100));
        assert!(taken * 10 < all, "{name}: {taken} of {all} pieces were taken");
        assert_eq!(reader.budget.free_bytes(), 4 * MIB);
    }
}

#[tokio::test]
async fn a_bomb_in_one_piece_takes_no_more_than_the_budget_has() {
    let mut zstd = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    io::copy(&mut zeros(100_000_000), &mut zstd).unwrap();
    let bomb = zstd.finish().unwrap();
    let reader = BodyReader::new(limits(), 256 * 1024);
    tokio::time::pause();
    let error = reader.read(&encoded("zstd"), Body::from(bomb)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
}

#[tokio::test]
async fn encodings_that_are_not_taken_are_refused() {
    for name in ["br", "deflate", "gzip, gzip", "zstd,gzip", "gz\u{ef}p"] {
        assert_eq!(
            read(name, b"x").await,
            Err(ErrorCode::UnsupportedEncoding),
            "{name}"
        );
    }
    let mut twice = encoded("gzip");
    twice.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let error = reader().read(&twice, Body::empty()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::UnsupportedEncoding);
    for name in ["", "identity", "Identity"] {
        assert_eq!(read(name, b"x").await.unwrap(), b"x", "{name}");
    }
    for name in ["gzip", "x-gzip", " GZIP "] {
        assert_eq!(read(name, &gzip(b"x")).await.unwrap(), b"x", "{name}");
    }
}

#[tokio::test]
async fn content_that_is_not_compressed_as_announced_is_invalid() {
    for (name, content) in [
        ("gzip", b"{\"events\": []}".to_vec()),
        ("zstd", b"{\"events\": []}".to_vec()),
        ("gzip", zstd(b"x")),
        ("zstd", gzip(b"x")),
        ("gzip", vec![]),
        ("zstd", vec![]),
    ] {
        assert_eq!(read(name, &content).await, Err(ErrorCode::InvalidBody), "{name}");
    }
}

#[tokio::test]
async fn bytes_after_the_end_are_invalid() {
    for (name, packed) in [("gzip", gzip(b"x")), ("zstd", zstd(b"x"))] {
        for garbage in [&b"\0"[..], b"garbage", &[0; 2000], &packed[..5]] {
            let content = [&packed, garbage].concat();
            assert_eq!(
                read(name, &content).await,
                Err(ErrorCode::InvalidBody),
                "{name} {garbage:?}"
            );
        }
    }
}

#[tokio::test]
async fn parts_one_after_the_other_are_one_body() {
    let two = [gzip(b"one "), gzip(b""), gzip(b"two")].concat();
    assert_eq!(read("gzip", &two).await.unwrap(), b"one two");
    let two = [zstd(b"one "), zstd(b""), zstd(b"two")].concat();
    assert_eq!(read("zstd", &two).await.unwrap(), b"one two");
}

#[tokio::test]
async fn very_many_parts_are_refused() {
    let many = usize::try_from(inflate::MAX_PARTS).unwrap();
    for (name, part) in [("gzip", gzip(b"")), ("zstd", zstd(b""))] {
        assert_eq!(read(name, &part.repeat(many)).await.unwrap(), b"", "{name}");
        assert_eq!(
            read(name, &part.repeat(many + 1)).await,
            Err(ErrorCode::InvalidBody),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_gzip_header_may_have_all_its_parts() {
    let mut encoder = GzBuilder::new()
        .extra(vec![1, 0, 2])
        .filename("events.json")
        .comment("two\tparts")
        .mtime(7)
        .write(Vec::new(), Compression::fast());
    encoder.write_all(b"content").unwrap();
    let packed = encoder.finish().unwrap();
    for size in [1, 2, 7, 1_000] {
        assert_eq!(read_pieces("gzip", &packed, size).await.unwrap(), b"content");
    }
    // With a checksum of the header as well, and with an empty extra part.
    let plain = gzip(b"content");
    let mut flagged = plain[..10].to_vec();
    flagged[3] = 0b110;
    flagged.extend([0, 0, 9, 9]);
    flagged.extend(&plain[10..]);
    assert_eq!(read_pieces("gzip", &flagged, 1).await.unwrap(), b"content");
    flagged[3] = 0b1000_0000;
    assert_eq!(read("gzip", &flagged).await, Err(ErrorCode::InvalidBody));
}

#[tokio::test]
async fn a_window_beyond_the_bound_is_refused() {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(b"content").unwrap();
    encoder.flush().unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(read("zstd", &packed).await, Err(ErrorCode::InvalidBody));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_invalid() {
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(io::Error::other("gone"))]);
    let error = reader()
        .read(&HeaderMap::new(), Body::from_stream(broken))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidBody);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_a_timeout() {
    let started = Instant::now();
    let stalled = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"{"))]).chain(stream::pending());
    let error = reader()
        .read(&HeaderMap::new(), Body::from_stream(stalled))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code, started.elapsed()),
        (ErrorCode::RequestTimeout, limits().stall)
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_a_timeout_in_the_end() {
    let started = Instant::now();
    let trickle = stream::repeat(()).then(async |()| {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok::<_, io::Error>(Bytes::from_static(b" "))
    });
    let error = reader()
        .read(&HeaderMap::new(), Body::from_stream(trickle))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code, started.elapsed()),
        (ErrorCode::RequestTimeout, limits().total)
    );
}

#[tokio::test(start_paused = true)]
async fn bodies_in_flight_are_bounded_over_all_requests() {
    let reader = BodyReader::new(limits(), 256 * 1024);
    let body = || Body::from(vec![1; 128 * 1024]);
    let headers = HeaderMap::new();
    let first = reader.clone().read(&headers, body()).await.unwrap();
    let second = reader.read(&headers, body()).await.unwrap();

    let error = reader.read(&headers, body()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(error.retry_after_ms.is_some());

    drop(first);
    assert!(reader.read(&headers, body()).await.is_ok());
    drop(second);
    assert_eq!(reader.budget.free_bytes(), 256 * 1024);
}

#[tokio::test(start_paused = true)]
async fn a_body_waits_a_short_time_for_room() {
    let reader = BodyReader::new(limits(), 128 * 1024);
    let body = || Body::from(vec![1; 128 * 1024]);
    let headers = HeaderMap::new();
    let held = reader.read(&headers, body()).await.unwrap();
    let free_later = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(held);
    };
    let (waited, ()) = tokio::join!(reader.read(&headers, body()), free_later);
    assert!(waited.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_content_in_any_pieces_reads_back(
        content in proptest::collection::vec(any::<u8>(), 0..3_000),
        repeat in 1_usize..40,
        size in 1_usize..5_000,
    ) {
        let content = content.repeat(repeat);
        for (name, packed) in [("identity", content.clone()), ("gzip", gzip(&content)), ("zstd", zstd(&content))] {
            let read = block_on(read_pieces(name, &packed, size));
            prop_assert_eq!(read.as_ref(), Ok(&content), "{}", name);
        }
    }

    #[test]
    fn a_cut_anywhere_is_noticed(content in proptest::collection::vec(any::<u8>(), 0..2_000), at: prop::sample::Index) {
        for (name, packed) in [("gzip", gzip(&content)), ("zstd", zstd(&content))] {
            let cut = &packed[..at.index(packed.len())];
            prop_assert_eq!(block_on(read(name, cut)), Err(ErrorCode::InvalidBody), "{}", name);
        }
    }

    #[test]
    fn a_flipped_bit_never_changes_the_content(
        content in proptest::collection::vec(any::<u8>(), 1..2_000),
        at: prop::sample::Index,
        bit in 0_u32..8,
    ) {
        for (name, mut packed) in [("gzip", gzip(&content)), ("zstd", zstd(&content))] {
            let place = at.index(packed.len());
            packed[place] ^= 1_u8 << bit;
            if let Ok(read) = block_on(read(name, &packed)) {
                prop_assert_eq!(read, content.clone(), "{}", name);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500), size in 1_usize..100) {
        for (name, magic) in [("gzip", &b"\x1f\x8b\x08"[..]), ("zstd", b"\x28\xb5\x2f\xfd")] {
            let _ = block_on(read_pieces(name, &bytes, size));
            let _ = block_on(read_pieces(name, &[magic, &bytes].concat(), size));
        }
    }
}
