//! The sample estate in a folder of its own, which lives as long as the fuzzer.

use std::fs;
use std::path::Path;

use tenantry_base::finding::Finding;
use tenantry_spec::estate::{self, Estate};
use tenantry_template::embedded;
use tenantry_template::render::{Functions, Renderer, TemplateSet};

pub struct Sample {
    folder: tempfile::TempDir,
    pub estate: Estate,
    pub renderer: Renderer,
    pub functions: Functions,
}

thread_local! {
    pub static SAMPLE: Sample = Sample::new();
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let files = embedded::blueprint_files(embedded::DEFAULT_BLUEPRINT).unwrap();
        for (path, bytes) in files.into_iter().chain(embedded::sample(embedded::DEFAULT_BLUEPRINT)) {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let (estate, findings) = estate::load(root);
        let estate = estate.filter(|_| findings.is_empty()).expect("the sample is sound");
        let renderer = Renderer::new(TemplateSet::parse(embedded::templates(root).unwrap()).unwrap());
        let functions = embedded::functions(root, &estate.blueprint).unwrap();
        Self { folder, estate, renderer, functions }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }
}

/// What a report reads of findings.
pub fn seen(findings: &[Finding]) {
    for finding in findings {
        assert!(!finding.message.is_empty());
        for place in finding.location.iter().chain(finding.related.iter().map(|(_, place)| place)) {
            let _line = place.line_text();
        }
    }
}
