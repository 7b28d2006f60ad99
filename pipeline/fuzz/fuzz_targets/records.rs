//! Any bytes as a record: a reject, or two lines of JSON under an index name that OpenSearch takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_pipeline::records::networks::Networks;
use tenantry_pipeline::records::standardise::{Origin, Standard};

fuzz_target!(|record: &[u8]| {
    let standard = Standard { tenant: "acme".to_owned(), index_prefix: "zeek".to_owned(), networks: Networks::default() };
    let origin = Origin { identity: "0123456789abcdef0123", sensor: Some("probe"), oldest: 0, newest: i64::MAX };
    let mut body = b"before".to_vec();
    match standard.write(record, 7, &origin, &mut body) {
        Ok(_) => {
            let text = std::str::from_utf8(&body).expect("the body is UTF-8");
            let lines: Vec<&str> = text["before".len()..].split_inclusive('\n').collect();
            assert_eq!(lines.len(), 2);
            assert!(lines.iter().all(|line| line.ends_with("}\n") && !line.contains('\r')));
            assert!(lines[0].starts_with("{\"create\":{\"_index\":\"zeek-"));
        }
        Err(_) => assert_eq!(body, b"before"),
    }
});
