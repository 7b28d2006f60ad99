//! The endpoint of the transcripts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::process::{Endpoint, command};

pub(crate) fn start() -> Endpoint {
    let quotas = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/quotas.yaml");
    Endpoint::start(command(20).args(["--grant-seconds", "1", "--quotas"]).arg(quotas))
}

impl Endpoint {
    /// Forgets everything that was made.
    pub(crate) fn reset(&self) {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        let request = "POST /_tenantry/reset HTTP/1.1\r\nHost: local\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
