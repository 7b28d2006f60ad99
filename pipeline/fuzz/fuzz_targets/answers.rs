//! Any bytes as a bulk answer or as the body of a message: every item is dealt with once, and nothing falls over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_pipeline::bulk::verdict::{Verdict, decide};
use tenantry_pipeline::event::read_body;

fuzz_target!(|input: (u16, u8, &[u8])| {
    let (status, sent, bytes) = input;
    if let Verdict::Items { rejected, again, .. } = decide(status, bytes, usize::from(sent)) {
        let mut seen = vec![0; usize::from(sent)];
        rejected.iter().map(|(item, _)| *item).chain(again).for_each(|item| seen[item] += 1);
        assert!(seen.iter().all(|times| *times <= 1));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(jobs) = read_body(text)
    {
        for job in jobs {
            assert_eq!(read_body(&job.body(3, 1)).map(|again| again.len()), Ok(1));
        }
    }
});
