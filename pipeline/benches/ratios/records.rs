//! Records like Zeek's conn.log, different from each other, the same in each run.

use std::io::Write as _;

pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = Vec::with_capacity(bytes + 1024);
    let mut time = 1_700_000_000.0;
    while text.len() < bytes {
        time += random.f64() * 0.001;
        let service = ["dns", "ssl", "http", "-"][random.usize(0..4)];
        let (host, port) = (random.u16(..), random.u16(1024..));
        let (orig, resp) = (random.u32(40..90_000), random.u32(40..900_000));
        writeln!(
            text,
            r#"{{"_path":"conn","ts":{time:.6},"uid":"C{:016x}","id.orig_h":"10.{}.{}.{}","id.orig_p":{port},"id.resp_h":"192.0.2.{}","id.resp_p":443,"proto":"{}","service":"{service}","duration":{:.6},"orig_bytes":{orig},"resp_bytes":{resp},"conn_state":"SF","local_orig":true,"local_resp":false,"missed_bytes":0,"history":"ShADadFf","orig_pkts":{},"orig_ip_bytes":{orig},"resp_pkts":{},"resp_ip_bytes":{resp}}}"#,
            random.u64(..), host >> 12, host & 0xff, random.u8(..), random.u8(..), if random.bool() { "tcp" } else { "udp" },
            random.f64() * 30.0, orig / 800 + 1, resp / 1200 + 1,
        )
        .unwrap();
    }
    text
}
