//! One release, opened from its tag: the estate as it was there, with everything that renders it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::repository::{Commit, Repository, RepositoryError};
use crate::deploy::{Desired, stacks};
use tenantry_base::finding::{Finding, Source};
use tenantry_spec::estate::{self, Estate, Tenant};
use tenantry_template::embedded;
use tenantry_template::render::{Functions, RenderedTenant, Renderer, TemplateSet, render_fleet};

/// A release as its tag says it.
#[derive(Debug)]
pub struct Candidate {
    pub name: String,
    /// None for the work tree.
    pub commit: Option<Commit>,
    pub estate: Estate,
    pub functions: Functions,
    pub renderer: Renderer,
    root: PathBuf,
    /// The files of the tag, as long as this value lives.
    _folder: Option<TempDir>,
}

/// Why a release cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error("the files of release `{release}` cannot be read")]
    Files {
        release: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the estate of release `{release}` has errors")]
    Findings { release: String, found: Vec<Finding> },
}

impl Candidate {
    /// Opens the release of a tag.
    pub fn of_tag(repository: &Repository, name: &str) -> Result<Self, CandidateError> {
        Self::of_commit(repository, repository.tag(name)?, name)
    }

    /// Opens the estate of a commit as if it were a release of that name.
    pub fn of_commit(repository: &Repository, commit: Commit, name: &str) -> Result<Self, CandidateError> {
        let folder = repository.materialise(&commit)?;
        Self::of_folder(name, folder.path().to_owned(), Some(commit), Some(folder))
    }

    /// Opens the work tree as if it were a release of that name.
    pub fn of_work_tree(estate: &Path, name: &str) -> Result<Self, CandidateError> {
        Self::of_folder(name, estate.to_owned(), None, None)
    }

    fn of_folder(
        name: &str,
        root: PathBuf,
        commit: Option<Commit>,
        folder: Option<TempDir>,
    ) -> Result<Self, CandidateError> {
        let refused = |found| CandidateError::Findings { release: name.to_owned(), found };
        let (estate, found) = estate::load(&root);
        let estate = match estate {
            Some(estate) if !estate::has_errors(&found) => estate,
            _ => return Err(refused(found)),
        };
        let functions = embedded::functions(&root, &estate.blueprint).map_err(|found| refused(vec![found]))?;
        let sources =
            embedded::templates(&root).map_err(|source| CandidateError::Files { release: name.to_owned(), source })?;
        let renderer = Renderer::new(TemplateSet::parse(sources).map_err(refused)?);
        Ok(Self { name: name.to_owned(), commit, estate, functions, renderer, root, _folder: folder })
    }

    /// Where the release's files lie.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text files of a folder of the release, or of the binary where the estate has none.
    pub(super) fn sources(&self, folder: Folder) -> std::io::Result<Vec<Arc<Source>>> {
        match folder {
            Folder::Templates => embedded::templates(&self.root),
            Folder::Rules => embedded::rules(&self.root),
        }
    }

    /// Renders tenants.
    ///
    /// # Errors
    /// Everything that is wrong with a template, as [`CandidateError::Findings`].
    pub fn render<'c>(&'c self, tenants: &[&'c Tenant]) -> Result<Vec<RenderedTenant<'c>>, CandidateError> {
        let (mut rendered, mut findings) = (Vec::new(), Vec::new());
        for result in render_fleet(&self.renderer, &self.estate, &self.functions, &self.name, tenants) {
            match result {
                Ok(tenant) => rendered.push(tenant),
                Err(found) => findings.extend(found),
            }
        }
        if findings.is_empty() {
            Ok(rendered)
        } else {
            Err(CandidateError::Findings { release: self.name.clone(), found: findings })
        }
    }

    /// What the stacks of tenants should be; the functions' zips lie in `zips`.
    pub fn desired(&self, tenants: &[&Tenant], zips: &Path) -> Result<BTreeMap<String, Desired>, CandidateError> {
        let stack = |one: &RenderedTenant<'_>| {
            let stack = stacks::tenant(&self.estate, one.tenant, &one.template, &self.functions, zips, &self.name);
            (stack.tenant.clone(), stack)
        };
        Ok(self.render(tenants)?.iter().map(stack).collect())
    }

    /// Every tenant, in the order of names.
    pub fn tenants(&self) -> Vec<&Tenant> {
        self.estate.tenants.values().collect()
    }
}

/// Folders that a manifest lists file by file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Folder {
    Templates,
    Rules,
}
