//! What go-plugin's handshake (version 1) passes through the environment and expects on stdout.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::ServeError;
use super::listener::Address;

/// Only a host that knows the cookie is Terraform: a check for people, not against attackers.
const COOKIE_NAME: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
/// Version of the handshake itself.
const CORE_PROTOCOL_VERSION: u32 = 1;
/// The one plugin protocol that is served.
pub(super) const PROTOCOL_VERSION: u32 = 6;

/// Where to listen, as the host asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// Directory for the socket (`PLUGIN_UNIX_SOCKET_DIR`).
    pub(super) socket_dir: Option<PathBuf>,
    /// Group that may connect (`PLUGIN_UNIX_SOCKET_GROUP`), by name or number.
    pub(super) socket_group: Option<String>,
    /// The ports to try on Windows (`PLUGIN_MIN_PORT`, `PLUGIN_MAX_PORT`); 0 is any.
    #[cfg_attr(unix, allow(dead_code, reason = "unix sockets have no port"))]
    pub(super) ports: (u16, u16),
}

impl Placement {
    pub(super) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let port = |name: &str| set(name).and_then(|port| port.parse().ok()).unwrap_or_default();
        Self {
            socket_dir: set("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
            socket_group: set("PLUGIN_UNIX_SOCKET_GROUP"),
            ports: (port("PLUGIN_MIN_PORT"), port("PLUGIN_MAX_PORT")),
        }
    }
}

/// The host's side of the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handshake {
    /// The client's certificate (PEM) when the host wants mutual TLS, which Terraform always does.
    pub(super) client_certificate: Option<String>,
    pub(super) placement: Placement,
}

impl Handshake {
    /// Reads the environment. Fails when this is no host that we can serve.
    pub(super) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ServeError> {
        if variable(COOKIE_NAME).as_deref() != Some(COOKIE) {
            return Err(ServeError::NotStartedByTerraform);
        }
        let offered = variable("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        let version = PROTOCOL_VERSION.to_string();
        if !offered.split(',').any(|offer| offer.trim() == version) {
            return Err(ServeError::ProtocolVersion { offered });
        }
        let client_certificate = variable("PLUGIN_CLIENT_CERT").filter(|pem| !pem.is_empty());
        Ok(Self {
            client_certificate,
            placement: Placement::read(variable),
        })
    }
}

/// The one line that the host reads from stdout, newline included.
pub(super) fn answer(address: &Address, certificate: Option<&[u8]>) -> String {
    let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let Address { network, address } = address;
    format!("{CORE_PROTOCOL_VERSION}|{PROTOCOL_VERSION}|{network}|{address}|grpc|{certificate}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Handshake, ServeError> {
        Handshake::read(&|name| {
            set.iter()
                .find(|(set, _)| *set == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn needs_the_cookie_and_version_six() {
        assert!(matches!(read(&[]), Err(ServeError::NotStartedByTerraform)));
        assert!(matches!(
            read(&[(COOKIE_NAME, "x")]),
            Err(ServeError::NotStartedByTerraform)
        ));
        for (offered, fine) in [("5", false), ("", false), ("16", false), ("5,6", true), ("6", true)] {
            let outcome = read(&[(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", offered)]);
            assert_eq!(outcome.is_ok(), fine, "{offered:?}");
        }
    }

    #[test]
    fn reads_where_to_listen() {
        let handshake = read(&[
            (COOKIE_NAME, COOKIE),
            ("PLUGIN_PROTOCOL_VERSIONS", "6"),
            ("PLUGIN_UNIX_SOCKET_DIR", "/run/x"),
            ("PLUGIN_UNIX_SOCKET_GROUP", "staff"),
            ("PLUGIN_MIN_PORT", "10000"),
            ("PLUGIN_CLIENT_CERT", ""),
        ]);
        let handshake = handshake.unwrap();
        assert_eq!(handshake.client_certificate, None);
        let expected = Placement {
            socket_dir: Some("/run/x".into()),
            socket_group: Some("staff".into()),
            ports: (10000, 0),
        };
        assert_eq!(handshake.placement, expected);
    }

    #[test]
    fn answers_in_one_line() {
        let address = Address {
            network: "unix",
            address: "/tmp/x/plugin".into(),
        };
        assert_eq!(
            answer(&address, Some(&[0xff, 0xfe])),
            "1|6|unix|/tmp/x/plugin|grpc|//4\n"
        );
        assert_eq!(answer(&address, None), "1|6|unix|/tmp/x/plugin|grpc|\n");
    }
}
