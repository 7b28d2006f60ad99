//! What a person can write wrongly: each folder of `bad/` is laid over the estate of `base/`, and its `expected.txt` is
//! everything that `estate::load` must say about it, with its places. `UPDATE_EXPECTED=1` writes them and `schemas/`.

use std::fs;
use std::path::{Path, PathBuf};

use tenantry::estate;
use tenantry::estate::schema::Kind;
use tenantry::finding::{Finding, Location};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/estate")
}

fn lay(from: &Path, over: &Path) {
    fs::create_dir_all(over).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() {
            lay(&path, &over.join(name));
        } else if name != "expected.txt" {
            fs::copy(&path, over.join(name)).unwrap();
        }
    }
}

/// `tenants/acme.yaml:3:7 TN1016 ring …`, each related place and the help on lines of their own.
fn reported(findings: &[Finding]) -> String {
    let at = |place: &Location| format!("{}:{}:{}", place.source.path.display(), place.line, place.column);
    findings.iter().fold(String::new(), |mut text, finding| {
        let place = finding.location.as_ref().map_or("?".to_owned(), at);
        text += &format!("{place} {} {}\n", finding.code.as_str(), finding.message);
        finding.related.iter().for_each(|(label, place)| text += &format!("  {}: {label}\n", at(place)));
        finding.help.iter().for_each(|help| text += &format!("  help: {help}\n"));
        text
    })
}

fn base() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    lay(&here().join("base"), folder.path());
    folder
}

#[test]
fn the_base_is_well() {
    let folder = base();
    let (estate, findings) = estate::load(folder.path());
    assert_eq!(reported(&findings), "");
    assert_eq!(estate.unwrap().tenants.len(), 1);
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let mut cases: Vec<PathBuf> =
        fs::read_dir(here().join("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 5);
    let mut wrong = String::new();
    for case in cases {
        let folder = base();
        lay(&case, folder.path());
        let (_, findings) = estate::load(folder.path());
        let (reported, file) = (reported(&findings), case.join("expected.txt"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&file, &reported).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if reported.is_empty() || reported != expected {
            wrong += &format!("---- {}\n-- expected\n{expected}-- reported\n{reported}", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the estate of `base/` says when `tenants/globex.yaml` has these bytes.
fn reported_of(bytes: &[u8]) -> String {
    let folder = base();
    fs::write(folder.path().join("tenants/globex.yaml"), bytes).unwrap();
    reported(&estate::load(folder.path()).1)
}

#[test]
fn text_of_another_encoding_is_refused_where_it_starts() {
    let wide = |unit: fn(u16) -> [u8; 2]| "a: 1\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("utf-16 le", [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(), ":1:1 TN1001 "),
        ("utf-16 be", [vec![0xfe, 0xff], wide(u16::to_be_bytes)].concat(), ":1:1 TN1001 "),
        ("utf-16 without mark", wide(u16::to_le_bytes), ":1:2 TN1001 "),
        ("latin-1", b"a: 1\nb: caf\xe9\n".to_vec(), ":2:7 TN1001 "),
        ("nul", b"a: 1\nb: \0\n".to_vec(), ":2:4 TN1001 "),
    ];
    for (case, bytes, expected) in cases {
        let reported = reported_of(&bytes);
        assert!(reported.contains(&format!("tenants/globex.yaml{expected}")), "{case}: {reported}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_lines_change_nothing() {
    let folder = base();
    let path = folder.path().join("tenants/acme.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    let (estate, findings) = estate::load(folder.path());
    assert_eq!(reported(&findings), "");
    assert_eq!(estate.unwrap().tenants.len(), 1);
}

#[test]
fn a_huge_file_is_refused_unread() {
    let reported = reported_of(&vec![b'#'; 2 * 1024 * 1024]);
    assert!(reported.contains("TN1003 `tenants/globex.yaml` has more than 1048576 bytes"), "{reported}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_neither_waited_for_nor_read_for_ever() {
    for target in ["/dev/zero", "globex.yaml", "nowhere"] {
        let folder = base();
        std::os::unix::fs::symlink(target, folder.path().join("tenants/globex.yaml")).unwrap();
        let reported = reported(&estate::load(folder.path()).1);
        assert!(reported.contains("TN1000 `tenants/globex.yaml` "), "{target}: {reported}");
    }
}

#[test]
fn a_fault_in_the_defaults_is_told_once() {
    let folder = base();
    let fleet = folder.path().join("tenants/fleet.yaml");
    fs::write(&fleet, fs::read_to_string(&fleet).unwrap().replace("replicas: 1", "replica: 1")).unwrap();
    let acme = fs::read_to_string(folder.path().join("tenants/acme.yaml")).unwrap();
    for n in 1..20 {
        let spec = acme.replace("10.17.0.0/18", &format!("10.18.{n}.0/24"));
        fs::write(folder.path().join(format!("tenants/acme-{n}.yaml")), spec).unwrap();
    }
    let findings = estate::load(folder.path()).1;
    assert_eq!(findings.len(), 1, "{}", reported(&findings));
}

/// `tenantry schema … > schemas/…` writes them.
#[test]
fn the_schemas_in_git_are_those_of_the_types() {
    let root = here().join("../..");
    let defaults = estate::load(&root).0.unwrap().fleet.defaults;
    let schemas = estate::schemas(&root).unwrap();
    let whole = |kind| schemas.schema(kind).clone();
    let kinds =
        [("fleet", whole(Kind::Fleet)), ("tenant", schemas.tenant_schema(&defaults)), ("flags", whole(Kind::Flags))];
    for (name, expected) in kinds {
        let file = root.join(format!("schemas/{name}.json"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&expected).unwrap())).unwrap();
        }
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected, "schemas/{name}.json");
    }
}

/// What rendering the only tenant of an estate says, with functions of this architecture.
fn reported_by_rendering(folder: &Path, architecture: &str) -> String {
    use tenantry::render::{Renderer, TemplateSet, render_tenant};
    let (estate, findings) = estate::load(folder);
    assert_eq!(reported(&findings), "");
    let estate = estate.unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let renderer = Renderer::new(TemplateSet::parse(tenantry::embedded::templates(root).unwrap()).unwrap());
    let mut functions = tenantry::embedded::functions(root, &estate.blueprint).unwrap();
    functions.architecture = architecture.to_owned();
    let tenant = estate.tenants.values().next().unwrap();
    render_tenant(&renderer, &estate, &functions, "v1", tenant).map_or_else(|found| reported(&found), |_| String::new())
}

#[test]
fn accounts_beyond_a_trust_policy_want_the_id_of_their_organization() {
    let said = |accounts: usize, id: &str| {
        let folder = base();
        let fleet = folder.path().join("tenants/fleet.yaml");
        let text = fs::read_to_string(&fleet).unwrap();
        let known = text.matches("hosted_zone_id").count();
        let more: String = (known..accounts)
            .map(|number| {
                format!(
                    "  \"9000000000{number:02}\": {{ name: x, dns: {{ zone: x{number}.example, hosted_zone_id: Z9{number} }} }}\n"
                )
            })
            .collect();
        fs::write(&fleet, text.replacen("accounts:\n", &format!("{id}accounts:\n{more}"), 1)).unwrap();
        reported(&estate::load(folder.path()).1)
    };
    assert_eq!(said(46, ""), "");
    assert!(said(47, "").contains("TN1037 the trust policy of the central logs' role has room for 46 accounts"));
    assert_eq!(said(47, "aws_organization_id: o-a1b2c3d4e5\n"), "");
}

/// A tenant with revocation lists of both authorities; the devices' is out of date since February 2026.
fn revoking() -> tempfile::TempDir {
    let folder = base();
    lay(&here().join("revoking"), &folder.path().join("tenants/certs"));
    let path = folder.path().join("tenants/acme.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("certs/acme.pem", "certs/devices.pem\n  client_crl: certs/old.crl");
    let text =
        text.replace("certs/acme-investigators.pem", "certs/investigators.pem, client_crl: certs/investigators.crl");
    fs::write(&path, text).unwrap();
    folder
}

#[test]
fn a_revocation_list_is_outdated_from_the_time_that_its_authority_promised_the_next() {
    let folder = revoking();
    let (estate, findings) = estate::load(folder.path());
    assert_eq!(reported(&findings), "");
    let estate = estate.unwrap();
    let promised = 1_769_904_000;
    let of_lists = |second| {
        let mut findings = estate::dated(&estate, jiff::Timestamp::from_second(second).unwrap());
        findings.retain(|finding| finding.code.as_str() == "TN1036");
        reported(&findings)
    };
    assert_eq!(of_lists(promised), "");
    let expected = "tenants/acme.yaml:10:15 TN1036 the revocation list is out of date: its authority promised the next one \
                    by 2026-02-01T00:00:00Z\n";
    assert_eq!(of_lists(promised + 1), expected);
}

#[test]
fn what_a_day_makes_wrong_is_told_from_that_day_on() {
    let folder = base();
    let fleet = folder.path().join("tenants/fleet.yaml");
    let text = fs::read_to_string(&fleet).unwrap();
    let freezes = "\nfreezes: [{ name: holidays, from: 2026-12-20, to: 2027-01-05 }]\nrings:";
    fs::write(&fleet, text.replacen("\nrings:", freezes, 1)).unwrap();
    let (estate, findings) = estate::load(folder.path());
    assert_eq!(reported(&findings), "");
    let on = |day: &str| {
        let findings = estate::dated(estate.as_ref().unwrap(), format!("{day}T00:00:00Z").parse().unwrap());
        findings.iter().map(|finding| format!("{} {}\n", finding.code.as_str(), finding.message)).collect::<String>()
    };
    assert_eq!(on("2026-12-01"), "");
    assert_eq!(on("2027-01-06"), "");
    let over = "TN1047 freeze `holidays` was over on 2027-01-05\n";
    assert_eq!(on("2027-01-07"), over);
    let devices = "O=acme, CN=acme sample client CA";
    let soon = on("2046-11-01");
    assert!(soon.contains(&format!("TN1046 the certificate of authority {devices} ends on 2046-11-19")), "{soon}");
    assert!(!soon.contains("TN1045"), "{soon}");
    let ended = on("2047-01-01");
    assert!(ended.contains(&format!("TN1045 the certificate of authority {devices} ended on 2046-11-19")), "{ended}");
    assert!(on("2020-01-01").contains("TN1045 the certificate of authority"), "it begins later");
    // While a second one holds, it is the old one of a replacement.
    let bundle = folder.path().join("tenants/certs/acme.pem");
    let both = fs::read_to_string(&bundle).unwrap()
        + &fs::read_to_string(here().join("bad/weak-authorities/tenants/certs/signs.pem")).unwrap();
    fs::write(&bundle, both).unwrap();
    let (estate, _) = estate::load(folder.path());
    let findings = estate::dated(&estate.unwrap(), "2046-11-20T00:00:00Z".parse().unwrap());
    assert!(findings.iter().all(|finding| finding.code.as_str() != "TN1045"), "{findings:?}");
}

#[test]
fn tenants_that_share_their_devices_authority_are_named_once_for_each_authority() {
    let folder = base();
    let (estate, _) = estate::load(folder.path());
    assert_eq!(reported(&estate::shared_authorities(&estate.unwrap())), "");
    let acme = fs::read_to_string(folder.path().join("tenants/acme.yaml")).unwrap();
    for (name, block) in [("bolt", "10.18.1.0/24"), ("cube", "10.18.2.0/24")] {
        let spec = acme.replace("10.17.0.0/18", block);
        fs::write(folder.path().join(format!("tenants/{name}.yaml")), spec).unwrap();
    }
    let (estate, findings) = estate::load(folder.path());
    assert_eq!(reported(&findings), "");
    let expected = "tenants/bolt.yaml:9:14 TN1038 tenants `acme` and `bolt` and 1 more have one certificate \
                    authority as `ingest.client_ca`: O=acme, CN=acme sample client CA\n  tenants/acme.yaml:9:14: \
                    `ingest.client_ca` of tenant `acme`\n";
    assert_eq!(reported(&estate::shared_authorities(&estate.unwrap())), expected);
}

#[test]
fn revocation_lists_reach_the_template_and_the_digest() {
    let folder = revoking();
    let digest = || estate::load(folder.path()).0.unwrap().digest();
    let before = digest();
    fs::copy(here().join("revoking/devices.crl"), folder.path().join("tenants/certs/old.crl")).unwrap();
    assert_ne!(digest(), before);
}

#[test]
fn a_pinned_number_that_does_not_fit_is_told_at_its_line() {
    let folder = base();
    let path = folder.path().join("tenants/acme.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "overrides:\n  ingest_memory_mib: 256\n  ingest_timeout_seconds: 30\n").unwrap();
    let expected = "tenants/acme.yaml:14:27 BP2002 ingest needs 25 s for a part of 64 MiB with 256 MiB of \
                    memory, but its timeout of 30 s leaves 22 s for work\n  help: use a smaller `part_mib`, or a longer \
                    `ingest_timeout_seconds`\n";
    assert_eq!(reported_by_rendering(folder.path(), "x86_64"), expected);
}

#[test]
fn a_layer_for_another_architecture_is_told_at_its_line() {
    let folder = base();
    let path = folder.path().join("tenants/fleet.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let layer = "arn:aws:lambda:eu-west-1:434848589818:layer:AWS-AppConfig-Extension-Arm64:1";
    let prefix = "    s3_prefix_list: pl-6da54004\n";
    assert!(text.contains(prefix));
    fs::write(&path, text.replace(prefix, &format!("{prefix}    appconfig_extension: {layer}\n"))).unwrap();
    assert_eq!(reported_by_rendering(folder.path(), "arm64"), "");
    let reported = reported_by_rendering(folder.path(), "x86_64");
    let expected = format!(
        ":26 BP2006 the layer of region `eu-west-1` is not for `x86_64`: `{layer}`\n  help: the layer's name ends in `-Arm64` for arm64\n"
    );
    assert!(reported.starts_with("tenants/fleet.yaml:") && reported.ends_with(&expected), "{reported}");
}

/// An estate as it was before there were blueprints: its templates are its own.
fn of_version_1() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    lay(&here().join("v1"), folder.path());
    lay(&here().join("../../compat/v1/templates"), &folder.path().join("templates"));
    folder
}

/// The digests are those that the last version without blueprints gave: a tag of then stays a way back.
#[test]
fn an_estate_without_a_blueprint_renders_what_it_did_before_there_were_any() {
    use tenantry::render::{Renderer, TemplateSet, render_tenant};
    let folder = of_version_1();
    let (estate, findings) = estate::load(folder.path());
    assert_eq!(reported(&findings), "");
    let estate = estate.unwrap();
    let templates = tenantry::embedded::templates(folder.path()).unwrap();
    let renderer = Renderer::new(TemplateSet::parse(templates).unwrap());
    let functions = tenantry::embedded::functions(folder.path(), &estate.blueprint).unwrap();
    let digests: Vec<(String, String)> = estate
        .tenants
        .values()
        .map(|tenant| {
            let rendered = render_tenant(&renderer, &estate, &functions, "v1.0.0", tenant);
            (tenant.name.to_string(), rendered.unwrap_or_else(|found| panic!("{}", reported(&found))).template.digest)
        })
        .collect();
    let recorded = [
        ("acme", "ac90fb142a26c4152793247ce15d6bd116d79f023cc7fbac7748a7a296026f21"),
        ("wayne", "2918727edd5604cf668b79dc15c5e807948a655eb5924a4db0e3021e6267a7c5"),
    ];
    assert_eq!(digests, recorded.map(|(name, digest)| (name.to_owned(), digest.to_owned())));
}

#[test]
fn an_upgrade_gives_an_estate_its_blueprint_and_keeps_what_it_changed() {
    let folder = of_version_1();
    let path = folder.path().join("templates/tenant/logs.yaml.tera");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("{{ logs.retention_days }}"));
    fs::write(&path, text.replace("{{ logs.retention_days }}", "365")).unwrap();
    let upgrade = || {
        let tenantry = std::process::Command::new(env!("CARGO_BIN_EXE_tenantry"));
        let ran = { tenantry }.args(["init", "--upgrade"]).arg(folder.path()).output().unwrap();
        assert!(
            ran.status.success(),
            "{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        String::from_utf8(ran.stdout).unwrap()
    };
    let said = upgrade();
    assert!(said.contains("none -> network-metadata"), "{said}");
    assert!(said.contains("templates/tenant/logs.yaml.tera: changed by both, merged"), "{said}");
    let (estate, findings) = estate::load(folder.path());
    assert_eq!(reported(&findings), "");
    let estate = estate.unwrap();
    assert!(!estate.has_old_templates && estate.blueprint.text() == tenantry::blueprint::BUILT_IN);
    assert!(fs::read_to_string(&path).unwrap().contains("365"));
    assert!(upgrade().contains("templates/tenant/logs.yaml.tera: kept as the estate has it"));
}
