//! The calls that make a snapshot: those that all stacks of an account and region share, and those of one stack.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{OnceCell, Semaphore};

use super::expected::Expected;
use super::live::{Reading, Shared, StackView};
use super::neighbours::ask::{Answers, Beside, SharedAnswers};
use super::{asked, neighbours, network, release};
use crate::deploy::prepare::Pace;
use crate::deploy::{Desired, ESTATE_TAG, State, TENANT_TAG};
use tenantry_aws::cloud::drift_detection::{self, Detection, MOST_RESOURCES, ResourceDrift};
use tenantry_aws::cloud::neighbours as ec2_neighbours;
use tenantry_aws::cloud::network as ec2_network;
use tenantry_aws::cloud::{CallError, Session, alarms, attributes, cloudformation, ec2, functions, roles, tagging};

/// An error with its cause as one line.
pub(super) fn said(error: &CallError) -> String {
    let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}: {}{hint}", error.operation, error.cause)
}

pub(super) fn reading<T>(result: Result<T, CallError>) -> Reading<T> {
    result.map_err(|error| said(&error))
}

/// What is asked once for an account and region, however many groups of stacks there are.
pub(super) struct Common {
    shared: Shared,
    answers: Answers,
    of_account: Arc<OfAccount>,
    detections: Detections,
}

/// What is asked once for an account, whatever the regions: services that are the same in all of them.
#[derive(Debug, Default)]
pub(super) struct OfAccount {
    answers: Answers,
    roles: OnceCell<Reading<BTreeMap<String, Map<String, Value>>>>,
}

/// How long drift detections take in a place: its stacks are alike, so none is asked about before the quickest so far
/// would have been done. Polls cost tokens of the rate at which stacks are read.
#[derive(Debug, Default)]
struct Detections(std::sync::Mutex<Option<Duration>>);

impl Detections {
    fn quickest(&self) -> Option<Duration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn took(&self, time: Duration) {
        let mut quickest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *quickest = Some(quickest.map_or(time, |so_far| so_far.min(time)));
    }
}

impl Common {
    pub(super) async fn take(
        session: &Session,
        stacks: Reading<BTreeMap<String, cloudformation::Stack>>,
        estate: &str,
        of_account: Arc<OfAccount>,
    ) -> Self {
        let (vpcs, internet_gateways, addresses, peerings, egress_only, tagged) = tokio::join!(
            ec2::vpcs(session),
            ec2_network::internet_gateways(session),
            ec2_network::addresses(session),
            ec2_neighbours::peerings(session),
            ec2_neighbours::egress_only_gateways(session),
            ec2_neighbours::tagged(session, &[TENANT_TAG, ESTATE_TAG]),
        );
        let (functions, mappings, alarms, roles, bearers) = tokio::join!(
            functions::all(session),
            functions::mappings(session),
            alarms::all(session, estate),
            of_account.roles.get_or_init(async || reading(roles::all(session).await)),
            tagging::bearers(session, TENANT_TAG),
        );
        let connections = match (peerings, egress_only) {
            (Ok(a), Ok(b)) => Ok(a.into_iter().chain(b).collect()),
            (Err(error), _) | (_, Err(error)) => Err(said(&error)),
        };
        let attributes = attributes::all(session).await;
        let shared = Shared {
            stacks,
            vpcs: reading(vpcs),
            internet_gateways: reading(internet_gateways),
            addresses: reading(addresses),
            connections,
            tagged: reading(tagged).map(|all| by_tenant(all, estate, |one| &one.tags)),
            bearers: reading(bearers).map(|all| by_tenant(all, estate, |one| &one.tags)),
            functions: reading(functions),
            mappings: reading(mappings),
            alarms: reading(alarms),
            roles: roles.clone(),
            attributes: reading(attributes),
            ..Shared::unseen("not asked")
        };
        Self { shared, answers: Answers::default(), of_account, detections: Detections::default() }
    }

    /// The snapshot of the VPCs of one group.
    pub(super) async fn of_vpcs(&self, session: &Session, vpcs: &[String]) -> Shared {
        let mut shared = self.shared.clone();
        let (subnets, route_tables, acls, groups, endpoints, nat_gateways) = tokio::join!(
            ec2_network::subnets(session, vpcs),
            ec2_network::route_tables(session, vpcs),
            ec2_network::acls(session, vpcs),
            ec2_network::groups(session, vpcs),
            ec2_network::endpoints(session, vpcs),
            ec2_network::nat_gateways(session, vpcs),
        );
        let (flow_logs, interfaces, instances, vpn, transit) = tokio::join!(
            ec2_network::flow_logs(session, vpcs),
            ec2_neighbours::interfaces(session, vpcs),
            ec2_neighbours::instances(session, vpcs),
            ec2_neighbours::vpn_gateways(session, vpcs),
            ec2_neighbours::transit_attachments(session, vpcs),
        );
        shared.subnets = reading(subnets);
        shared.route_tables = reading(route_tables);
        shared.acls = reading(acls);
        shared.groups = reading(groups);
        shared.endpoints = reading(endpoints);
        shared.nat_gateways = reading(nat_gateways);
        shared.flow_logs = reading(flow_logs);
        shared.interfaces = reading(interfaces);
        shared.instances = reading(instances);
        shared.connections = match (shared.connections, vpn, transit) {
            (Ok(all), Ok(vpn), Ok(transit)) => Ok(all.into_iter().chain(vpn).chain(transit).collect()),
            (Err(why), ..) => Err(why),
            (_, Err(error), _) | (.., Err(error)) => Err(said(&error)),
        };
        shared
    }
}

/// What bears a tenant's tag, by tenant; what another estate of the account says is its own is left out.
fn by_tenant<T>(all: Vec<T>, estate: &str, tags: impl Fn(&T) -> &BTreeMap<String, String>) -> BTreeMap<String, Vec<T>> {
    let mut found: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for one in all {
        let other = tags(&one).get(ESTATE_TAG).is_some_and(|owner| owner != estate);
        if let Some(tenant) = tags(&one).get(TENANT_TAG).filter(|_| !other).cloned() {
            found.entry(tenant).or_default().push(one);
        }
    }
    found
}

/// What is known of a stack before the network is asked.
pub(super) struct Begun<'a> {
    pub desired: &'a Desired,
    view: StackView,
    expected: BTreeMap<String, Expected>,
    /// The resources of which drift detection was asked.
    detected: BTreeSet<String>,
}

/// The template and the resources of a stack that is there, what drift detection finds, and what the services tell.
/// `opening` bounds the stacks that are read at once: those that are read start their detection while others wait.
pub(super) async fn begin<'a>(
    session: &Session,
    desired: &'a Desired,
    common: &Common,
    opening: &Semaphore,
    pace: Pace,
) -> Begun<'a> {
    let shared = &common.shared;
    let nothing = |why: &str| StackView {
        template: Err(why.to_owned()),
        resources: Err(why.to_owned()),
        drifts: Err(why.to_owned()),
        described: BTreeMap::new(),
        undescribed: BTreeMap::new(),
        beside: BTreeMap::new(),
    };
    let mut begun =
        Begun { desired, view: nothing("there is no stack"), expected: BTreeMap::new(), detected: BTreeSet::new() };
    let Some(stack) = stack_of(shared, desired) else { return begun };
    let turn = opening.acquire().await;
    let (template, resources) =
        tokio::join!(cloudformation::template(session, &stack.id), cloudformation::resources(session, &stack.id));
    drop(turn);
    begun.view = StackView { template: reading(template), resources: reading(resources), ..nothing("not asked") };
    let template = release::template(desired, &begun.view);
    begun.expected = super::compare::resolve(desired, shared, &begun.view, &template);
    if is_at_rest(stack) {
        begun.detected = wanted(&begun.expected, shared, None);
        let role = desired.service_role();
        let answers = SharedAnswers { of_place: &common.answers, of_account: &common.of_account.answers };
        (begun.view.drifts, begun.view.described, begun.view.beside) = tokio::join!(
            detected(session, &stack.id, &begun.detected, pace, &common.detections),
            asked::by_own_apis(session, role.as_deref(), &begun.expected),
            neighbours::ask::ask(session, answers, desired, stack, &begun.expected),
        );
    }
    begun
}

fn stack_of<'s>(shared: &'s Shared, desired: &Desired) -> Option<&'s cloudformation::Stack> {
    shared.stacks.as_ref().ok().and_then(|stacks| stacks.get(&desired.stack))
}

/// A stack that can be asked about its resources.
fn is_at_rest(stack: &cloudformation::Stack) -> bool {
    !matches!(State::of(Some(&stack.status)), State::Absent | State::FailedCreation | State::InProgress)
}

impl Begun<'_> {
    pub(super) fn vpc(&self) -> Option<String> {
        let resources = self.view.resources.as_ref().ok()?;
        resources.iter().find(|resource| resource.resource_type == "AWS::EC2::VPC")?.physical_id.clone()
    }
}

/// The rest of what is asked of one stack, once it is known what the network tells.
pub(super) async fn end(
    session: &Session,
    begun: Begun<'_>,
    common: &Common,
    shared: &Shared,
    pace: Pace,
) -> StackView {
    let Begun { desired, mut view, expected, detected: before } = begun;
    let Some(stack) = stack_of(shared, desired).filter(|stack| is_at_rest(stack)) else { return view };
    let wanted = wanted(&expected, shared, Some(&view.beside));
    if !wanted.is_subset(&before) {
        view.drifts = detected(session, &stack.id, &wanted, pace, &common.detections).await;
    }
    let role = desired.service_role();
    asked::by_cloud_control(session, role.as_deref(), &expected, shared, &mut view).await;
    view
}

/// The resources about which CloudFormation must be asked: not those of which the batched calls and what was reported
/// `beside` them say everything. Of calls that were not made yet that is hoped.
fn wanted(expected: &BTreeMap<String, Expected>, shared: &Shared, beside: Option<&Beside>) -> BTreeSet<String> {
    let networked = [
        shared.subnets.is_ok(),
        shared.route_tables.is_ok(),
        shared.acls.is_ok(),
        shared.groups.is_ok(),
        shared.endpoints.is_ok(),
        shared.nat_gateways.is_ok(),
        shared.flow_logs.is_ok(),
        shared.internet_gateways.is_ok(),
        shared.addresses.is_ok(),
    ];
    let networked = beside.is_none() || networked.into_iter().all(|reported| reported);
    let by_batch = |one: &Expected| {
        let kind = one.resource_type.as_str();
        (network::TYPES.contains(&kind) && networked)
            || (kind == "AWS::CloudWatch::Alarm" && shared.alarms.is_ok())
            || neighbours::group_of(expected, one).is_some_and(|group| {
                beside.is_none_or(|beside| {
                    neighbours::found(beside, neighbours::FILTER, group).is_some_and(|reported| reported.is_ok())
                })
            })
    };
    expected.iter().filter(|(_, one)| !by_batch(one)).map(|(id, _)| id.clone()).collect()
}

async fn detected(
    session: &Session,
    stack_id: &str,
    wanted: &BTreeSet<String>,
    pace: Pace,
    detections: &Detections,
) -> Reading<BTreeMap<String, ResourceDrift>> {
    let found = async {
        let named: Vec<String> = wanted.iter().cloned().collect();
        let id = drift_detection::detect(session, stack_id, if named.len() > MOST_RESOURCES { &[] } else { &named });
        let id = id.await?;
        let began = tokio::time::Instant::now();
        let deadline = began + pace.deadline;
        let mut failed = None;
        if let Some(quickest) = detections.quickest() {
            tokio::time::sleep(quickest.min(pace.deadline)).await;
        }
        loop {
            match drift_detection::detection(session, stack_id, &id).await? {
                Detection::Complete => {
                    // It may have been done since the poll before.
                    detections.took(began.elapsed().saturating_sub(pace.poll));
                    break;
                }
                Detection::Failed { reason } => {
                    failed = Some(reason);
                    break;
                }
                Detection::InProgress if tokio::time::Instant::now() >= deadline => return Ok(None),
                Detection::InProgress => tokio::time::sleep(pace.poll).await,
            }
        }
        // What a failed detection could not read is unknown in its answer.
        let drifts = drift_detection::drifts(session, stack_id).await?;
        Ok::<_, CallError>(Some((failed, drifts)))
    };
    match found.await {
        Err(error) => Err(said(&error)),
        Ok(None) => Err(format!("DetectStackDrift was not ready in {} s", pace.deadline.as_secs())),
        Ok(Some((Some(reason), drifts))) if drifts.is_empty() => Err(format!("DetectStackDrift: {reason}")),
        Ok(Some((_, drifts))) => Ok(drifts.into_iter().map(|drift| (drift.logical_id.clone(), drift)).collect()),
    }
}
