//! The calls that make a snapshot: those that all stacks of an account and region share, and those of one stack.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expected::Expected;
use super::live::{Shared, StackView, Told};
use super::unmanaged::{ESTATE_TAG, TENANT_TAG};
use super::{asked, network, release};
use crate::cloud::drift_detection::{self, Detection, MOST_RESOURCES, ResourceDrift};
use crate::cloud::network as ec2_network;
use crate::cloud::{CallError, Session, alarms, cloudformation, ec2, functions, neighbours, roles, tagging};
use crate::deploy::prepare::Pace;
use crate::deploy::{Desired, State};

/// An error with its cause as one line.
pub(super) fn said(error: &CallError) -> String {
    let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}: {}{hint}", error.operation, error.cause)
}

pub(super) fn told<T>(result: Result<T, CallError>) -> Told<T> {
    result.map_err(|error| said(&error))
}

/// What is asked once for an account and region, however many groups of stacks there are.
pub(super) struct Common {
    pub stacks: Told<BTreeMap<String, cloudformation::Stack>>,
    rest: Shared,
}

impl Common {
    pub(super) async fn take(
        session: &Session,
        stacks: Told<BTreeMap<String, cloudformation::Stack>>,
        estate: &str,
    ) -> Self {
        let (vpcs, internet_gateways, addresses, peerings, egress_only, tagged) = tokio::join!(
            ec2::vpcs(session),
            ec2_network::internet_gateways(session),
            ec2_network::addresses(session),
            neighbours::peerings(session),
            neighbours::egress_only_gateways(session),
            neighbours::tagged(session, &[TENANT_TAG, ESTATE_TAG]),
        );
        let (functions, mappings, alarms, roles, bearers) = tokio::join!(
            functions::all(session),
            functions::mappings(session),
            alarms::all(session, estate),
            roles::all(session),
            tagging::bearers(session, TENANT_TAG),
        );
        let connections = match (peerings, egress_only) {
            (Ok(a), Ok(b)) => Ok(a.into_iter().chain(b).collect()),
            (Err(error), _) | (_, Err(error)) => Err(said(&error)),
        };
        let rest = Shared {
            vpcs: told(vpcs),
            internet_gateways: told(internet_gateways),
            addresses: told(addresses),
            connections,
            tagged: told(tagged).map(|all| by_tenant(all, estate, |one| &one.tags)),
            bearers: told(bearers).map(|all| by_tenant(all, estate, |one| &one.tags)),
            functions: told(functions),
            mappings: told(mappings),
            alarms: told(alarms),
            roles: told(roles),
            ..Shared::unseen("not asked")
        };
        Self { stacks, rest }
    }

    /// The snapshot of the VPCs of one group.
    pub(super) async fn of_vpcs(&self, session: &Session, vpcs: &[String]) -> Shared {
        let mut shared = Shared { stacks: self.stacks.clone(), ..self.rest.clone() };
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
            neighbours::interfaces(session, vpcs),
            neighbours::instances(session, vpcs),
            neighbours::vpn_gateways(session, vpcs),
            neighbours::transit_attachments(session, vpcs),
        );
        shared.subnets = told(subnets);
        shared.route_tables = told(route_tables);
        shared.acls = told(acls);
        shared.groups = told(groups);
        shared.endpoints = told(endpoints);
        shared.nat_gateways = told(nat_gateways);
        shared.flow_logs = told(flow_logs);
        shared.interfaces = told(interfaces);
        shared.instances = told(instances);
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
}

/// The template and the resources of a stack that is there.
pub(super) async fn begin<'a>(
    session: &Session,
    desired: &'a Desired,
    stacks: &Told<BTreeMap<String, cloudformation::Stack>>,
) -> Begun<'a> {
    let stack = stacks.as_ref().ok().and_then(|stacks| stacks.get(&desired.stack));
    let nothing = |why: &str| StackView {
        template: Err(why.to_owned()),
        resources: Err(why.to_owned()),
        drifts: Err(why.to_owned()),
        told: BTreeMap::new(),
    };
    let Some(stack) = stack else { return Begun { desired, view: nothing("there is no stack") } };
    let (template, resources) =
        tokio::join!(cloudformation::template(session, &stack.id), cloudformation::resources(session, &stack.id));
    let view = StackView { template: told(template), resources: told(resources), ..nothing("not asked") };
    Begun { desired, view }
}

impl Begun<'_> {
    pub(super) fn vpc(&self) -> Option<String> {
        let resources = self.view.resources.as_ref().ok()?;
        resources.iter().find(|resource| resource.resource_type == "AWS::EC2::VPC")?.physical_id.clone()
    }
}

/// Drift detection and the services' own APIs for one stack.
pub(super) async fn look(session: &Arc<Session>, begun: Begun<'_>, shared: &Shared, pace: Pace) -> StackView {
    let Begun { desired, mut view } = begun;
    let stack = shared.stacks.as_ref().ok().and_then(|stacks| stacks.get(&desired.stack));
    let state = State::of(stack.map(|stack| stack.status.as_str()));
    let Some(stack) = stack.filter(|_| !matches!(state, State::Absent | State::FailedCreation | State::InProgress))
    else {
        return view;
    };
    let template = release::template(desired, &view);
    let expected = super::compare::resolve(desired, shared, &view, &template);
    let wanted: Vec<String> =
        expected.iter().filter(|(_, e)| needs_detection(e, shared)).map(|(id, _)| id.clone()).collect();
    let role = desired.service_role();
    let role = role.as_deref();
    let (drifts, told) =
        tokio::join!(detected(session, &stack.id, &wanted, pace), asked::by_own_apis(session, role, &expected));
    view.drifts = drifts;
    view.told = told;
    asked::by_cloud_control(session, role, &expected, shared, &mut view).await;
    view
}

/// Whether CloudFormation must be asked about a resource: not where the batched calls tell everything.
fn needs_detection(expected: &Expected, shared: &Shared) -> bool {
    let kind = expected.resource_type.as_str();
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
    let by_batch = (network::TYPES.contains(&kind) && networked.into_iter().all(|told| told))
        || (kind == "AWS::CloudWatch::Alarm" && shared.alarms.is_ok());
    !by_batch
}

async fn detected(
    session: &Session,
    stack_id: &str,
    wanted: &[String],
    pace: Pace,
) -> Told<BTreeMap<String, ResourceDrift>> {
    let found = async {
        let wanted = if wanted.len() > MOST_RESOURCES { &[] } else { wanted };
        let id = drift_detection::detect(session, stack_id, wanted).await?;
        let deadline = tokio::time::Instant::now() + pace.deadline;
        let mut failed = None;
        loop {
            match drift_detection::detection(session, stack_id, &id).await? {
                Detection::Complete => break,
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
