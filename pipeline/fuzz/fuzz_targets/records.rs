//! Any bytes as a record: a reject, or two lines of JSON under an index name that OpenSearch takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_pipeline::records::dataset::KeyNames;
use tenantry_pipeline::records::identity::Identity;
use tenantry_pipeline::records::standardise::{Origin, Standard};

fuzz_target!(|record: &[u8]| {
    let standard = Standard::new("acme");
    let origin = Origin {
        identity: Identity::of("probe/x.log"),
        sensor: Some("probe"),
        names: KeyNames::default(),
        written: 0,
        ingested: 0,
        oldest: 0,
        newest: i64::MAX,
    };
    let mut body = b"before".to_vec();
    match standard.write(record, record, 7, &origin, &mut body) {
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
