//! Certificates that are renewed while they are in use.

use super::*;

fn looking_always(house: &House) -> Arc<Tls> {
    Arc::new(Tls::looking_always(house.config().paths()).unwrap())
}

/// The certificate that a server shows.
async fn shown(server: &Server, house: &House) -> io::Result<Vec<u8>> {
    let connector = crate::tls::Client::open(&house.trust(), false).unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let stream = server.connect().await;
    let stream = connector.connector().await.connect(name, stream).await?;
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    Ok(chain[0].to_vec())
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let house = House::new();
    let server = Server::http(looking_always(&house), ServerLimits::default()).await;
    let before = shown(&server, &house).await.unwrap();
    assert_eq!(shown(&server, &house).await.unwrap(), before);

    house.sign("server");

    let after = shown(&server, &house).await.unwrap();
    assert_ne!(after, before);
}

#[tokio::test]
async fn files_that_do_not_fit_leave_the_certificate_of_before() {
    let house = House::new();
    let server = Server::http(looking_always(&house), ServerLimits::default()).await;
    let before = shown(&server, &house).await.unwrap();

    house.write("server.key", "");
    assert_eq!(shown(&server, &house).await.unwrap(), before);
    std::fs::remove_file(house.file("server.pem")).unwrap();
    assert_eq!(shown(&server, &house).await.unwrap(), before);

    house.sign("server");
    assert_ne!(shown(&server, &house).await.unwrap(), before);
}

#[tokio::test]
async fn files_are_looked_at_once_a_minute() {
    let house = House::new();
    let server = Server::http(house.tls(), ServerLimits::default()).await;
    let before = shown(&server, &house).await.unwrap();
    house.sign("server");
    assert_eq!(shown(&server, &house).await.unwrap(), before);

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();

    assert_ne!(shown(&server, &house).await.unwrap(), before);
}
