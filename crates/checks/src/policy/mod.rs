//! Policies: Guard rules and checks held against rendered templates.
//!
//! In: the rules' sources, and stacks with the templates that were rendered for them. Out: findings, each at the spec
//! field that caused it, else at the template's line. It does not know how templates are made, nor AWS.
//!
//! Guard takes about 2 ms per rule and template, so ten thousand tenants would take many minutes. Templates of one
//! form differ in leaves only, and a rule learns little about a leaf; [`footprint`] says what, and why equal footprints mean
//! equal verdicts. A [`Checker`] therefore evaluates a file of rules once per form and distinct footprint of its leaves, and keeps
//! the verdict; files of rules that see too much for that are evaluated for every template. Checks in Rust that join
//! resources see a form with placeholders once for all its templates, unless a value of a template is one of the few
//! texts that they compare with. What is kept is bounded; what does not fit is evaluated again.

mod checks;
mod findings;
mod fixtures;
mod footprint;
mod guard;
mod kept;
mod registry;
mod types;
mod verdicts;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ipnetwork::Ipv4Network;
use rayon::prelude::*;

use crate::capacity::{Quota, Singles};
use crate::resources::Scope;
use checks::Tiers;
use checks::resource_limit;
use checks::shared_names::{self, Use};
use findings::Findings;
use guard::RuleFile;
use registry::Rulings;
use tenantry_base::finding::{Code, Finding, Location, Source};
use tenantry_base::ids::{AccountId, Region};
use tenantry_blueprint::Blueprint;
use tenantry_spec::estate::Tenant;
use tenantry_template::render::{Form, RenderedTenant, Template};
use verdicts::FormVerdicts;

pub use checks::{Fault, entries as checks};
pub use guard::{Breach, GuardError, Status, Verdict};
pub use kept::VerdictCache;
pub use registry::{Entry, RULES};

/// Forms whose verdicts are kept. A fleet has a few dozen.
const MOST_FORMS: usize = 512;

/// A stack as policies see it.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    pub template: &'a Template,
    pub owner: Owner<'a>,
}

impl<'a> From<&'a RenderedTenant<'_>> for Stack<'a> {
    fn from(rendered: &'a RenderedTenant<'_>) -> Self {
        Self { template: &rendered.template, owner: Owner::Tenant(rendered.tenant) }
    }
}

/// Whose stack it is.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    Tenant(&'a Tenant),
    ControlPlane { account: &'a AccountId, region: &'a Region },
}

impl Owner<'_> {
    fn account(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.spec.account.as_str(),
            Self::ControlPlane { account, .. } => account.as_str(),
        }
    }

    fn region(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.spec.region.as_str(),
            Self::ControlPlane { region, .. } => region.as_str(),
        }
    }
}

/// All rules and checks, read once and held against many templates. Shared between threads.
#[derive(Debug)]
pub struct Checker {
    files: Vec<RuleFile>,
    forms: RwLock<HashMap<usize, Arc<FormVerdicts>>>,
    /// Limits of single resources.
    limits: Singles,
    rulings: Rulings,
    tiers: Tiers,
    /// Parameters whose blocks may reach the stacks' doors.
    ingress: Vec<String>,
    /// Verdicts of earlier runs.
    kept: Option<VerdictCache>,
}

impl Checker {
    /// Also checks what single resources hold against AWS's defaults, those of the rows that say what they count.
    #[must_use]
    pub fn with_limits<'q>(self, quotas: impl IntoIterator<Item = &'q Quota>) -> Self {
        Self { limits: Singles::new(quotas), ..self }
    }

    /// Also takes verdicts that earlier runs kept, for [`Self::keep`] to add to.
    #[must_use]
    pub fn with_kept(self, kept: VerdictCache) -> Self {
        Self { kept: Some(kept), ..self }
    }

    /// Keeps the verdicts of this run for the next.
    pub fn keep(&self) {
        self.kept.iter().for_each(VerdictCache::save);
    }

    /// Reads the rules of `policies/*.guard`, for stacks of a blueprint.
    ///
    /// # Errors
    /// TN4001 for every file that Guard cannot read, and for rules of the same name; TN6022 for what the blueprint says of a
    /// rule that does not exist.
    pub fn new(sources: Vec<Arc<Source>>, blueprint: &Blueprint) -> Result<Self, Vec<Finding>> {
        let mut files = Vec::new();
        let mut found = Vec::new();
        let mut names: HashMap<String, Location> = HashMap::new();
        for source in sources {
            let file = match RuleFile::parse(Arc::clone(&source)) {
                Ok(file) => file,
                Err(error) => {
                    let place = guard::place_of_error(&error, &source);
                    found.push(Finding::new(Code::TN4001, error.to_string()).at(place));
                    continue;
                }
            };
            for rule in &file.rules {
                if let Some(first) = names.insert(rule.name.clone(), rule.location.clone()) {
                    let message = format!("two rules have the name `{}`", rule.name);
                    let finding = Finding::new(Code::TN4001, message).at(rule.location.clone());
                    found.push(finding.with_related("the other rule", first));
                }
            }
            files.push(file);
        }
        let stem = |file: &'_ RuleFile| file.source.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let known: Vec<(String, &str)> = files
            .iter()
            .flat_map(|file| file.rules.iter().map(|rule| (stem(file).unwrap_or_default(), rule.name.as_str())))
            .collect();
        let (rulings, unknown) = Rulings::of(&blueprint.rules, known.iter().map(|(file, rule)| (file.as_str(), *rule)));
        // An estate without a blueprint may have rules of its own choice.
        // What a file that cannot be read holds is not known.
        let is_known = found.is_empty() && !blueprint.is_default;
        let unknown = unknown.into_iter().filter(|_| is_known);
        found.extend(unknown.map(|route| {
            let place = Location::new(blueprint.source(), blueprint.span(&route));
            Finding::new(Code::TN6022, format!("`{route}` names no rule")).at(place)
        }));
        if found.is_empty() {
            let tiers = Tiers::of(&blueprint.tiers);
            let ingress = blueprint.declared().filter(|parameter| parameter.is_ingress());
            let ingress = ingress.map(|parameter| parameter.path.clone()).collect();
            Ok(Self {
                files,
                forms: RwLock::default(),
                limits: Singles::default(),
                rulings,
                tiers,
                ingress,
                kept: None,
            })
        } else {
            Err(found)
        }
    }

    /// Rules that the blueprint turns off, each with its reason.
    pub fn off(&self) -> &BTreeMap<String, String> {
        &self.rulings.off
    }

    /// The blocks that a tenant lets in.
    fn allowed(&self, tenant: &Tenant) -> Vec<Ipv4Network> {
        let values = self.ingress.iter().filter_map(|path| tenant.spec.parameter(path)?.as_array()).flatten();
        values.filter_map(|value| value.as_str()?.parse().ok()).collect()
    }

    /// Name of every Guard rule, in the order of files and rules.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(|file| &file.rules).map(|rule| rule.name.as_str())
    }

    /// Path of each file of rules, with the names of its rules.
    pub fn rule_files(&self) -> impl Iterator<Item = (&std::path::Path, Vec<&str>)> {
        self.files
            .iter()
            .map(|file| (file.source.path.as_path(), file.rules.iter().map(|rule| rule.name.as_str()).collect()))
    }

    /// Paths of the files whose verdicts cannot be shared between templates: each evaluation costs milliseconds.
    pub fn unshared(&self) -> impl Iterator<Item = &std::path::Path> {
        self.files.iter().filter(|file| file.footprint.is_none()).map(|file| file.source.path.as_path())
    }

    /// Holds every rule and check against each stack, and the names of all against each other, in parallel.
    /// Findings come in the order of the stacks.
    pub fn check(&self, stacks: &[Stack<'_>]) -> Vec<Finding> {
        let mut findings: Vec<Finding> = stacks.par_iter().flat_map_iter(|stack| self.check_one(stack)).collect();
        findings.extend(self.check_names(stacks));
        findings
    }

    /// Holds every rule and check against one stack; the names of the fleet take all stacks.
    pub fn check_one(&self, stack: &Stack<'_>) -> Vec<Finding> {
        let known = self.form(&stack.template.form);
        let mut findings = Findings::of(stack, &self.rulings);
        let verdicts: Vec<_> = self
            .files
            .par_iter()
            .enumerate()
            .map(|(index, file)| known.verdict(index, file, stack.template, self.kept.as_ref()))
            .collect();
        for (file, verdict) in self.files.iter().zip(verdicts) {
            match verdict {
                Ok(verdict) => findings.verdict(file, &verdict),
                Err(error) => findings.failed(file, &error),
            }
        }
        for (entry, fault) in known.faults(stack.template, &self.tiers).iter() {
            findings.fault(*entry, fault);
        }
        for fault in known.short_visibility(stack.template) {
            findings.fault(checks::QUEUE_VISIBILITY, &fault);
        }
        for size in self.limits.sizes(stack.template) {
            if let Some((entry, fault)) = resource_limit::check(&size) {
                findings.fault(entry, &fault);
            }
        }
        for fault in known.against_schemas(stack.template, stack.owner.region()) {
            findings.schema(&fault);
        }
        if let Owner::Tenant(tenant) = stack.owner {
            for fault in known.open_doors(stack.template, &self.allowed(tenant)) {
                findings.fault(checks::INGRESS_AS_SPECIFIED, &fault);
            }
        }
        findings.all
    }

    /// The verdicts of all Guard rules on a template, from what is kept where possible.
    ///
    /// # Errors
    /// Guard could not evaluate a file.
    pub fn verdicts(&self, template: &Template) -> Result<Vec<Arc<Verdict>>, GuardError> {
        let known = self.form(&template.form);
        self.files
            .iter()
            .enumerate()
            .map(|(index, file)| known.verdict(index, file, template, self.kept.as_ref()))
            .collect()
    }

    /// The verdicts of all Guard rules on a template in JSON, evaluated the plain way. What [`verdicts`] gives must be
    /// the same; slow.
    ///
    /// # Errors
    /// Guard could not evaluate a file.
    ///
    /// [`verdicts`]: Self::verdicts
    pub fn verdicts_plainly(&self, template: &str) -> Result<Vec<Verdict>, GuardError> {
        self.files.iter().map(|file| file.evaluate(template)).collect()
    }

    /// How often Guard was really asked to evaluate a file of rules for a kept verdict.
    pub fn evaluations(&self) -> usize {
        let forms = self.forms.read().unwrap_or_else(PoisonError::into_inner);
        forms.values().map(|form| form.kept()).sum()
    }

    /// Global names are compared over the fleet, all others account by account: of a large fleet, that is most of the memory.
    fn check_names(&self, stacks: &[Stack<'_>]) -> Vec<Finding> {
        let mut accounts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (owner, stack) in stacks.iter().enumerate() {
            accounts.entry(stack.owner.account()).or_default().push(owner);
        }
        let all: Vec<usize> = (0..stacks.len()).collect();
        let within = |owners: &[usize], is_global: bool| self.clashes(stacks, owners, is_global);
        let mut found = within(&all, true);
        found.par_extend(accounts.par_iter().flat_map_iter(|(_, owners)| within(owners, false)));
        found.sort_by_key(|(owner, _)| *owner);
        found.into_iter().map(|(_, finding)| finding).collect()
    }

    /// Names that two of some stacks have, each with the second of the two.
    fn clashes(&self, stacks: &[Stack<'_>], owners: &[usize], is_global: bool) -> Vec<(usize, Finding)> {
        let known: Vec<Arc<FormVerdicts>> =
            owners.iter().map(|owner| self.form(&stacks[*owner].template.form)).collect();
        let uses = owners.iter().zip(&known).flat_map(|(owner, known)| {
            let stack = &stacks[*owner];
            let names = known.names(stack.template, move |scope| matches!(scope, Scope::Global) == is_global);
            let (account, region) = (stack.owner.account(), stack.owner.region());
            names.map(move |(named, name)| Use { owner: *owner, account, region, named, name })
        });
        let uses: Vec<Use<'_>> = uses.collect();
        let clashes = shared_names::clashes(&uses).into_iter();
        clashes.map(|(first, second)| (second.owner, findings::clash(stacks, first, second))).collect()
    }

    fn form(&self, form: &Arc<Form>) -> Arc<FormVerdicts> {
        // An address names a form for as long as it lives, and what is kept keeps it alive.
        let key = Arc::as_ptr(form) as usize;
        if let Some(known) = self.forms.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let made = Arc::new(FormVerdicts::of(Arc::clone(form), &self.files));
        let mut forms = self.forms.write().unwrap_or_else(PoisonError::into_inner);
        if forms.len() >= MOST_FORMS {
            forms.clear();
        }
        Arc::clone(forms.entry(key).or_insert(made))
    }
}
