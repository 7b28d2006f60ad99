//! A receiver on the loopback: takes requests, counts the records in them and says that all are well.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What every record has, as it is sent, whatever by.
const MARK: &[u8] = b"event.module";

#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub port: u16,
    records: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, records: Arc::default(), bytes: Arc::default() };
        let own = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream.unwrap()));
            }
        });
        receiver
    }

    /// Records so far.
    pub(crate) fn records(&self) -> usize {
        self.records.load(Ordering::SeqCst)
    }

    /// Bytes of bodies so far, as they came.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        while let Some((is_bulk, body)) = request(&mut reader) {
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut text).unwrap();
            let records = memchr::memmem::find_iter(&text, MARK).count();
            self.bytes.fetch_add(body.len(), Ordering::SeqCst);
            let items = vec![r#"{"create":{"status":201}}"#; if is_bulk { records } else { 0 }].join(",");
            let answer = if is_bulk { format!(r#"{{"items":[{items}]}}"#) } else { "{}".to_owned() };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
            writer.write_all(format!("{head}: {}\r\n\r\n{answer}", answer.len()).as_bytes()).unwrap();
            self.records.fetch_add(records, Ordering::SeqCst);
        }
    }
}

/// One request whose length is told: whether it is a bulk one, and its body.
fn request(reader: &mut impl std::io::BufRead) -> Option<(bool, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    for line in reader.by_ref().lines() {
        let line = line.ok()?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first.contains("/_bulk"), body))
}
