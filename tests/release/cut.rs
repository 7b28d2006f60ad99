//! Cutting and verifying: git and rendering only, no endpoint.

use std::process::Command;

use super::estate::{Estate, Run, command, git};

const RINGS: &str = "  - { name: canary, bake: 1m }\n  - { name: early, bake: 1m }\n  - { name: general, bake: 1m }\n";

fn estate() -> Estate {
    Estate::new("cutting", RINGS)
}

#[test]
fn the_same_tag_gives_the_same_bytes_in_a_second_clone() {
    let estate = estate();
    estate.release("v1.0.0");
    estate.run(&["release", "cut", "v1.0.0"]).expect(0, &["v1.0.0 is commit", "4 tenants"]);
    let clone = tempfile::tempdir().unwrap();
    let target = clone.path().join("elsewhere");
    git(
        clone.path(),
        &["clone", "--config", "core.autocrlf=true", "--quiet", estate.root().to_str().unwrap(), "elsewhere"],
    );
    Run::of(command(&target, &estate.path("zips"), &["release", "cut", "v1.0.0"]).output().unwrap()).expect(0, &[]);
    let (here, there) = (
        std::fs::read(estate.path("releases/v1.0.0.json")).unwrap(),
        std::fs::read(target.join("releases/v1.0.0.json")).unwrap(),
    );
    assert!(here == there && here.ends_with(b"}\n"));
    // The work tree goes on; the release stays what it was.
    estate.edit("tenants/acme.yaml", "gib_per_minute: 0.5", "gib_per_minute: 4.0");
    estate.commit("more for acme");
    estate.run(&["release", "verify", "v1.0.0"]).expect(0, &["is what was cut"]);
    estate.git(&["checkout", "--quiet", "v1.0.0"]);
    estate.run(&["release", "cut", "v1.0.0"]).expect(0, &[]);
}

#[test]
fn what_is_not_a_clean_tagged_commit_is_not_cut() {
    let estate = estate();
    estate.run(&["release", "cut", "v1.0.0"]).expect(1, &["there is no tag `v1.0.0`", "git tag"]);
    estate.run(&["release", "cut", "../v1"]).expect(1, &["not a release name"]);
    estate.run(&["render", "acme", "--release", "a\"b"]).expect(1, &["not a release name"]);
    estate.release("v1.0.0");
    estate.run(&["release", "cut", "v1.0.1"]).expect(1, &["did you mean `v1.0.0`?"]);
    estate.write("tenants/new.yaml", "ring: canary\n");
    estate.run(&["release", "cut", "v1.0.0"]).expect(1, &["not clean", "`tenants/new.yaml`"]);
    std::fs::remove_file(estate.path("tenants/new.yaml")).unwrap();
    estate.edit("tenants/acme.yaml", "0.5", "0.6");
    estate.run(&["release", "cut", "v1.0.0"]).expect(1, &["not clean", "`tenants/acme.yaml`"]);
    estate.commit("more");
    estate.run(&["release", "cut", "v1.0.0"]).expect(1, &["names commit", "git checkout v1.0.0"]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir(outside.path().join("tenants")).unwrap();
    let run = Run::of(command(outside.path(), outside.path(), &["release", "cut", "v1.0.0"]).output().unwrap());
    run.expect(1, &["in no git repository"]);
}

#[test]
fn a_moved_tag_and_a_changed_manifest_are_reported() {
    let estate = estate();
    estate.release("v1");
    estate.run(&["release", "cut", "v1"]).expect(0, &[]);
    let manifest = estate.read("releases/v1.json");
    estate.edit("tenants/acme.yaml", "0.5", "0.6");
    estate.commit("more");
    estate.git(&["tag", "--force", "v1"]);
    estate.run(&["release", "verify", "v1"]).expect(2, &["the tag has moved", "tenant `acme`"]);
    estate.run(&["release", "cut", "v1"]).expect(3, &["was cut from something else", "the tag has moved"]);
    assert_eq!(estate.read("releases/v1.json"), manifest, "what was cut is left as it is");
    estate.write("releases/v1.json", "{}");
    estate.run(&["release", "verify", "v1"]).expect(1, &["is no manifest"]);
    estate.run(&["release", "verify", "v2"]).expect(1, &["cannot be read", "release cut v2"]);
}

#[test]
fn a_signature_is_one_that_ssh_keygen_verifies() {
    let estate = estate();
    estate.release("v1");
    let keys = tempfile::tempdir().unwrap();
    let key = |name: &str, passphrase: &str| {
        let path = keys.path().join(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-C", "ann", "-N", passphrase, "-f"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        path
    };
    let (ann, bob, locked) = (key("ann", ""), key("bob", ""), key("locked", "secret"));
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    estate.run(&["release", "cut", "v1", "--sign", &path(&locked)]).expect(1, &["TENANTRY_SIGNING_PASSPHRASE"]);
    estate.run(&["release", "cut", "v1", "--sign", &path(&ann)]).expect(0, &["v1.json.sig"]);
    let public = |path: &std::path::Path| path.with_extension("pub");
    estate.run(&["release", "verify", "v1", "--signer", &path(&public(&ann))]).expect(0, &["the signature holds"]);
    estate.run(&["release", "verify", "v1", "--signer", &path(&public(&bob))]).expect(2, &["another key"]);
    let allowed = keys.path().join("allowed");
    std::fs::write(&allowed, format!("ann {}", std::fs::read_to_string(public(&ann)).unwrap())).unwrap();
    let verified = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", "tenantry-release", "-I", "ann", "-f"])
        .arg(&allowed)
        .arg("-s")
        .arg(estate.path("releases/v1.json.sig"))
        .stdin(std::fs::File::open(estate.path("releases/v1.json")).unwrap())
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    let unlocked = estate
        .command(&["release", "cut", "v1", "--sign", &path(&locked)])
        .env("TENANTRY_SIGNING_PASSPHRASE", "secret")
        .output()
        .unwrap();
    Run::of(unlocked).expect(0, &[]);
    estate.run(&["release", "verify", "v1", "--signer", &path(&public(&locked))]).expect(0, &["the signature holds"]);
}

#[test]
fn an_estate_in_a_folder_of_its_repository_is_cut_like_any_other() {
    let estate = estate();
    estate.git(&["init", "--quiet", "outer"]);
    let outer = estate.path("outer");
    git(estate.root(), &["clone", "--quiet", ".", "outer/copied"]);
    std::fs::remove_dir_all(outer.join("copied/.git")).unwrap();
    std::fs::write(outer.join("untracked"), "beside the estate").unwrap();
    git(&outer, &["add", "copied"]);
    git(&outer, &["commit", "--quiet", "--message", "begin"]);
    git(&outer, &["tag", "--annotate", "--message", "first", "v1"]);
    let run = |arguments: &[&str]| {
        Run::of(command(&outer, &estate.path("zips"), &[&["--estate", "copied"], arguments].concat()).output().unwrap())
    };
    run(&["release", "cut", "v1"]).expect(0, &["4 tenants"]);
    run(&["release", "verify", "v1"]).expect(0, &[]);
    assert!(outer.join("copied/releases/v1.json").exists());
}

#[test]
fn what_stands_between_two_releases_is_reported() {
    let estate = estate();
    estate.release("v1");
    estate.edit("tenants/bolt.yaml", "203.0.113.0/24", "198.51.100.0/24");
    estate.release("v2");
    let same = estate.run(&["release", "diff", "v1", "v2", "--tenant", "acme"]);
    same.expect(0, &["1 commit, 1 file", "no tenant's template differs"]);
    let differs = estate.run(&["release", "diff", "v1", "v2"]);
    differs.expect(2, &["bolt\n", "~ ", "203.0.113.0/24", "198.51.100.0/24"]);
    assert!(!differs.stdout.contains("acme"), "{differs:?}");
    estate.run(&["release", "diff", "v1", "v2", "--unified"]).expect(2, &["--- v1", "+++ v2", "-", "+"]);
    estate.run(&["release", "diff", "v1", "v2", "--tenant", "nobody"]).expect(1, &["nobody"]);
    estate.edit("tenants/bolt.yaml", "198.51.100.0/24", "203.0.113.0/24");
    estate.run(&["release", "diff", "v1"]).expect(0, &["v1 to the work tree"]);
}
