//! Where the roles listen.

use std::net::SocketAddr;

use chassis::config::Validate;

chassis::section! {
    /// Where the roles listen. Port 0 takes any free port.
    pub(crate) struct Listen {
        /// Where the gateway listens.
        gateway: Public => Public::on(8400),
        /// Where query listens.
        query: Public => Public::on(8410),
        /// Where enrichment listens.
        enrichment: Private => Private::on(8429),
        /// Where analytics listens.
        analytics: Private => Private::on(8439),
        /// Where retention listens.
        retention: Private => Private::on(8449),
    }
}

chassis::section! {
    /// Where a role listens that serves an API.
    pub(crate) struct Public {
        /// Address of its HTTP interface.
        http: SocketAddr = local(0),
        /// Address of its gRPC interface.
        grpc: SocketAddr = local(0),
        /// Address of its `/live`, `/ready` and `/metrics`; it asks for no key.
        ops: SocketAddr = local(0),
        /// Encryption of both interfaces.
        tls: edge::TlsConfig => edge::TlsConfig::default(),
    }
}

chassis::section! {
    /// Where a role listens that serves no API.
    pub(crate) struct Private {
        /// Address of its `/live`, `/ready` and `/metrics`; it asks for no key.
        ops: SocketAddr = local(0),
    }
}

impl Public {
    fn on(port: u16) -> Self {
        Self {
            http: local(port),
            grpc: local(port + 1),
            ops: local(port + 9),
            tls: edge::TlsConfig::default(),
        }
    }
}

impl Private {
    fn on(port: u16) -> Self {
        Self { ops: local(port) }
    }
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

impl Validate for Listen {}
impl Validate for Public {}
impl Validate for Private {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_are_the_published_ones() {
        let Listen {
            gateway,
            query,
            enrichment,
            analytics,
            retention,
        } = Listen::default();
        let ports = [
            gateway.http,
            gateway.grpc,
            gateway.ops,
            query.http,
            query.grpc,
            query.ops,
            enrichment.ops,
            analytics.ops,
            retention.ops,
        ];
        let expected = [8400, 8401, 8409, 8410, 8411, 8419, 8429, 8439, 8449];
        assert_eq!(ports.map(|address| address.port()), expected);
    }
}
