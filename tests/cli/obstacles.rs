//! Files that cannot be read or written, whatever command meets them: the error names the file.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What is in the way of the file or folder.
#[derive(Clone, Copy)]
enum Obstacle {
    /// A folder where a file should be.
    Folder,
    /// A file where a folder should be.
    File,
    /// Bytes that are no text.
    Bytes,
    Nothing,
}

use Obstacle::{Bytes, File, Folder, Nothing};

fn put(obstacle: Obstacle, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
    match obstacle {
        Folder => fs::create_dir(path).unwrap(),
        File => fs::write(path, "").unwrap(),
        Bytes => fs::write(path, [0xff, 0xfe, 0x00]).unwrap(),
        Nothing => {}
    }
}

#[test]
fn an_error_of_a_file_names_it_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let run = |estate: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
        command.env("TENANTRY_ESTATE", estate).env_remove("TENANTRY_FUNCTIONS").current_dir(folder.path());
        let output = command.args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let cases: [(Obstacle, &str, &[&str]); 14] = [
        (Folder, "tenants/fleet.yaml", &["validate"]),
        (File, "tenants", &["validate"]),
        (Folder, "tenants/certs/acme.pem", &["validate"]),
        (Bytes, "tenants/acme.yaml", &["render", "acme"]),
        (Folder, "policies/flags.yaml", &["flags", "list"]),
        (Folder, "policies/quotas.yaml", &["plan", "--offline", "--all"]),
        (Folder, "policies/prices.yaml", &["cost", "--all"]),
        (Folder, "policies/resources.yaml", &["validate"]),
        (Folder, "policies/drift-accepted.yaml", &["drift"]),
        (Bytes, "policies/drift-accepted.yaml", &["drift"]),
        (Folder, "pipeline/functions.lock.json", &["render", "acme"]),
        (File, ".tenantry/journal", &["journal"]),
        (Nothing, "plan.json", &["deploy", "--plan", "ESTATE/plan.json", "--yes"]),
        (Folder, "out.json", &["plan", "--offline", "--all", "--out", "ESTATE/out.json"]),
    ];
    for (number, (obstacle, file, arguments)) in cases.into_iter().enumerate() {
        let estate = folder.path().join(format!("estate-{number}"));
        let (code, text) = run(&estate, &["init", estate.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{text}");
        put(obstacle, &estate.join(file));
        let arguments: Vec<String> =
            arguments.iter().map(|argument| argument.replace("ESTATE", estate.to_str().unwrap())).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, text) = run(&estate, &arguments);
        assert!(text.contains(file), "{arguments:?} does not name {file}: {text}");
        assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {code:?} {text}");
    }
    // What is written.
    let estate = folder.path().join("estate");
    run(&estate, &["init", estate.to_str().unwrap()]);
    put(File, &folder.path().join("rendered"));
    let (code, text) = run(&estate, &["render", "acme", "--out", "rendered"]);
    assert!(code == Some(1) && text.contains("rendered/acme.yaml"), "{text}");
    put(File, &folder.path().join("taken/templates"));
    let (code, text) = run(&estate, &["init", "taken"]);
    assert!(code == Some(1) && text.contains("taken/templates"), "{text}");
}
