//! One stack from its start to its end.

use super::apply::Run;
use super::desired::hash;
use super::events::{Outcome, What};
use super::plan::Recovery;
use super::{Action, Baseline, Desired, Left, StackPlan, State, UploadContent, change, failure, stale};
use tenantry_aws::cloud::change_sets::{self, ChangeSetKind, ExpressUpdate, TemplateSource};
use tenantry_aws::cloud::cloudformation::{self, Protection, Skip, Stack};
use tenantry_aws::cloud::stack_events::{self, Event};
use tenantry_aws::cloud::{CallError, Session, s3};

/// A stack in flight.
pub(super) struct Flight<'a> {
    pub stack: &'a StackPlan,
    desired: &'a Desired,
    phase: Phase,
    status: String,
    /// Id of the newest event that has been shown.
    seen: Option<String>,
    /// Everything that has happened since the start.
    events: Vec<Event>,
    /// Token of a request that is no change set's: the same for each attempt to send it.
    token: Option<String>,
    since: tokio::time::Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was asked of CloudFormation yet.
    Waiting,
    /// The change may have been asked for: an answer was lost.
    Asked,
    /// What a failed creation left is being deleted.
    Clearing,
    Changing,
}

/// What a look at a stack gave.
pub(super) enum Step {
    Flying,
    Landed(Outcome),
}

impl<'a> Flight<'a> {
    pub(super) fn new(stack: &'a StackPlan, desired: &'a Desired) -> Self {
        let (status, since) = (String::new(), tokio::time::Instant::now());
        Self { stack, desired, phase: Phase::Waiting, status, seen: None, events: Vec::new(), token: None, since }
    }

    /// One step further: starts the change, or looks at the stack as the common poll saw it. After a call that failed
    /// for now, the same step can be taken again.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn step(
        &mut self,
        session: &Session,
        run: &Run<'_>,
        live: Option<&Stack>,
    ) -> Result<Step, CallError> {
        match self.phase {
            Phase::Waiting | Phase::Asked => self.begin(session, run, live).await,
            Phase::Clearing | Phase::Changing => self.look(session, run, live).await,
        }
    }

    /// Uploads what the template names and starts the change.
    async fn begin(&mut self, session: &Session, run: &Run<'_>, live: Option<&Stack>) -> Result<Step, CallError> {
        let stack = self.stack;
        if live.is_none() && matches!(stack.action, Action::Clear { .. }) {
            return Ok(Step::Landed(self.cleared()));
        }
        if self.phase == Phase::Waiting
            && stack.action != Action::Follow
            && let Some(why) = stale::moved(stack, &Baseline::of(live))
        {
            return Ok(Step::Landed(Outcome::Stale { why }));
        }
        upload(session, run, stack, self.desired).await?;
        if self.phase == Phase::Waiting {
            self.status = live.map(|stack| stack.status.clone()).unwrap_or_default();
        }
        let next = match &stack.action {
            Action::Apply { change_set: Some(id), makes, .. } => {
                if *makes == ChangeSetKind::Update && self.phase == Phase::Waiting {
                    let policy = self.policy(&run.options.allow_replace);
                    cloudformation::set_stack_policy(session, &stack.stack, &policy).await?;
                }
                self.phase = Phase::Asked;
                // Of this execution alone: an earlier one of the same content may have failed, and been recovered from.
                let token = format!("{}-{}", self.desired.change_set_prefix(), hash(&[id], 8));
                self.token = Some(token.clone());
                if let Some(refusal) = self.execute(session, id, &token, live).await? {
                    return Ok(Step::Landed(refusal));
                }
                Phase::Changing
            }
            Action::Clear { retain, .. } => {
                // A name without a stack may be another stack's alias: what is deleted is named by its id.
                let Some(live) = live else { return Ok(Step::Landed(self.cleared())) };
                if live.status == "DELETE_IN_PROGRESS" {
                    // Followed to its end by whoever has begun it.
                    self.token = stack_events::newest(session, &live.id).await?.and_then(|event| event.token);
                } else {
                    let token = self.token_of("clear", session, &live.id).await?;
                    // An empty shell has no protection that could be changed.
                    if live.status != "REVIEW_IN_PROGRESS" {
                        cloudformation::set_termination_protection(session, &live.id, Protection::Off).await?;
                    }
                    self.phase = Phase::Asked;
                    cloudformation::delete_stack(session, &live.id, retain, &token).await?;
                }
                Phase::Clearing
            }
            Action::Recover { by } => {
                let Some(live) = live else {
                    let why = format!("stack `{}` is gone", stack.stack);
                    return Ok(Step::Landed(Outcome::Stale { why }));
                };
                let token = self.token_of("recover", session, &live.id).await?;
                self.phase = Phase::Asked;
                self.recover(session, by, &live.id, &token).await?;
                Phase::Changing
            }
            Action::Follow if State::of(stack.baseline.status.as_deref()) != State::InProgress => {
                // It ended before this run began: what is left is to protect it.
                self.protect(session, &stack.stack).await?;
                return Ok(Step::Landed(Outcome::Done));
            }
            _ => Phase::Changing,
        };
        self.phase = next;
        run.emit(stack, What::Started);
        Ok(Step::Flying)
    }

    /// Starts a change set once. Gives an outcome where it cannot be started any more and this run has not done so.
    async fn execute(
        &self,
        session: &Session,
        id: &str,
        token: &str,
        live: Option<&Stack>,
    ) -> Result<Option<Outcome>, CallError> {
        match change_sets::execute(session, id, token).await {
            Ok(()) => Ok(None),
            Err(error) if cloudformation::stack_is_busy(&error) || change_sets::is_spent(&error) => {
                let stack = live.map_or(self.stack.stack.as_str(), |stack| stack.id.as_str());
                let ours = stack_events::of_operation(session, stack, |own| own == token, None).await?;
                Ok(ours.is_empty().then(|| Outcome::Stale { why: error.to_string() }))
            }
            Err(error) => Err(error),
        }
    }

    /// Starts what leads out of a failed update.
    async fn recover(&self, session: &Session, by: &Recovery, id: &str, token: &str) -> Result<(), CallError> {
        match by {
            Recovery::ContinueRollback { skip } => {
                cloudformation::continue_update_rollback(session, id, Skip::Named(skip), token).await
            }
            Recovery::ForceRollback => {
                cloudformation::continue_update_rollback(session, id, Skip::AllThatFail, token).await
            }
            Recovery::RollBack => cloudformation::rollback_stack(session, id, token).await,
            Recovery::Replay => self.replay(session, id, token).await,
        }
    }

    /// Updates to the template of git in EXPRESS mode.
    async fn replay(&self, session: &Session, id: &str, token: &str) -> Result<(), CallError> {
        let desired = self.desired;
        let template = match &desired.artifacts {
            Some(bucket) if desired.body.len() > change_sets::MOST_INLINE_BYTES => {
                let key = desired.template_key(session.purpose);
                s3::put_if_absent(session, bucket, &key, s3::Content::Text(&desired.body)).await?;
                TemplateSource::Url(s3::template_url(session, bucket, &key))
            }
            _ => TemplateSource::Inline(desired.body.clone()),
        };
        let update = ExpressUpdate { template: &template, tags: &desired.tags, role: desired.service_role(), token };
        change_sets::replay(session, id, update).await
    }

    /// The token of a request that is no change set's: another one after each thing that happened to the stack, the same
    /// one when an answer was lost.
    async fn token_of(&mut self, what: &str, session: &Session, id: &str) -> Result<String, CallError> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let newest = stack_events::newest(session, id).await?.map(|event| event.id).unwrap_or_default();
        let token = format!("{}-{what}-{}", self.desired.change_set_prefix(), hash(&[id, &newest], 12));
        self.token = Some(token.clone());
        Ok(token)
    }

    /// Whether an event's token is of what this flight has started.
    fn is_ours(&self, token: &str) -> bool {
        match &self.token {
            Some(own) => token == own,
            None => token.starts_with(&self.desired.change_set_prefix()),
        }
    }

    /// Whether what this flight follows leads out of a failed update, begun by this run or an earlier one.
    fn recovers(&self) -> bool {
        let prefix = format!("{}-recover-", self.desired.change_set_prefix());
        let is_recovery = |event: &Event| event.token.as_deref().is_some_and(|token| token.starts_with(&prefix));
        matches!(self.stack.action, Action::Recover { .. }) || self.events.iter().any(is_recovery)
    }

    async fn look(&mut self, session: &Session, run: &Run<'_>, live: Option<&Stack>) -> Result<Step, CallError> {
        let Some(live) = live else { return Ok(Step::Landed(self.absent())) };
        let changed = live.status != self.status;
        if changed {
            self.status.clone_from(&live.status);
            run.emit(self.stack, What::Status { status: live.status.clone() });
        }
        let state = State::of(Some(&live.status));
        if changed || state != State::InProgress {
            self.read_events(session, run, &live.id).await?;
        }
        // Right after the start the old status may still be shown, and afterwards somebody else's: only an event of
        // this change ends it.
        let Some(status) = self.ended(live) else { return Ok(Step::Flying) };
        // The poll may be older than the last event.
        if status == "DELETE_COMPLETE" {
            return Ok(Step::Landed(self.absent()));
        }
        if self.phase == Phase::Changing && status == "IMPORT_COMPLETE" && self.imports() {
            self.protect(session, &live.id).await?;
            return Ok(Step::Landed(Outcome::Imported));
        }
        let state = State::of(Some(&status));
        if matches!(state, State::Settled | State::RolledBack) && self.recovers() {
            self.protect(session, &live.id).await?;
            return Ok(Step::Landed(Outcome::Recovered { status }));
        }
        if self.phase == Phase::Changing && state == State::Settled {
            self.protect(session, &live.id).await?;
            return Ok(Step::Landed(Outcome::Done));
        }
        if !run.options.allow_replace.is_empty() && self.phase == Phase::Changing {
            cloudformation::set_stack_policy(session, &live.id, &self.policy(&[])).await?;
        }
        Ok(Step::Landed(self.failed(live, status)))
    }

    /// Whether the plan begins with an import.
    fn imports(&self) -> bool {
        matches!(self.stack.action, Action::Apply { makes: ChangeSetKind::Import, .. })
    }

    /// No stack: deleted as planned, or deleted by another.
    fn absent(&self) -> Outcome {
        let cleared = format!("{}-clear-", self.desired.change_set_prefix());
        let is_clear = |event: &Event| event.token.as_deref().is_some_and(|token| token.starts_with(&cleared));
        if self.phase == Phase::Clearing || self.events.iter().any(is_clear) {
            return self.cleared();
        }
        let reason = "the stack was deleted while it was followed".to_owned();
        Outcome::Failed { status: "DELETE_COMPLETE".to_owned(), resource: None, reason, remedy: None }
    }

    /// The stack is gone: what an offboarding wanted, and what a creation needs.
    fn cleared(&self) -> Outcome {
        match self.stack.action {
            Action::Clear { what: Left::Offboarding, .. } => Outcome::Done,
            _ => Outcome::Cleared,
        }
    }

    async fn read_events(&mut self, session: &Session, run: &Run<'_>, id: &str) -> Result<(), CallError> {
        let new = stack_events::of_operation(session, id, |token| self.is_ours(token), self.seen.as_deref()).await?;
        for event in &new {
            let what = What::Resource {
                logical_id: event.logical_id.clone(),
                resource_type: event.resource_type.clone(),
                status: event.status.clone(),
                reason: event.reason.clone(),
                time: event.time,
            };
            run.emit(self.stack, what);
        }
        if let Some(last) = new.last() {
            self.seen = Some(last.id.clone());
        }
        self.events.extend(new);
        Ok(())
    }

    /// The status that this change has left the stack in, once it has ended.
    fn ended(&self, live: &Stack) -> Option<String> {
        let own = self.events.iter().rev().find(|event| event.physical_id.as_deref() == Some(live.id.as_str()))?;
        (!own.status.ends_with("_IN_PROGRESS")).then(|| own.status.clone())
    }

    /// The stack policy for what the stack has and will have.
    fn policy(&self, allowed: &[String]) -> String {
        let after = change::all_new(&self.desired.body).unwrap_or_default();
        let types = self.stack.action.changes().iter().chain(&after).map(|change| change.resource_type.as_str());
        change::stack_policy(allowed, types)
    }

    async fn protect(&self, session: &Session, id: &str) -> Result<(), CallError> {
        cloudformation::set_stack_policy(session, id, &self.policy(&[])).await?;
        cloudformation::set_termination_protection(session, id, Protection::On).await
    }

    fn failed(&self, live: &Stack, status: String) -> Outcome {
        let first = failure::first(&self.events);
        let reason = first.and_then(|event| event.reason.clone());
        let reason =
            reason.or_else(|| failure::rolled_back(&self.events).map(str::to_owned)).or_else(|| live.reason.clone());
        let reason = reason.unwrap_or_else(|| "CloudFormation gave no reason".to_owned());
        let stuck = State::of(Some(&status)) == State::Stuck;
        let known = failure::remedy(&reason).map(str::to_owned);
        let way = stuck.then(|| State::remedy(&status, self.desired));
        let remedy = match (known, way) {
            (Some(known), Some(way)) => Some(format!("{known}; {way}")),
            (known, way) => known.or(way),
        };
        Outcome::Failed { status, resource: first.map(|event| event.logical_id.clone()), remedy, reason }
    }

    /// Whether it has been waited for long enough.
    pub(super) fn is_late(&self, deadline: std::time::Duration) -> bool {
        self.since.elapsed() >= deadline
    }

    /// The outcome of a flight that the run leaves.
    pub(super) fn left(&self) -> Outcome {
        if self.phase == Phase::Waiting { Outcome::NotStarted } else { Outcome::StillRunning }
    }
}

async fn upload(session: &Session, run: &Run<'_>, stack: &StackPlan, desired: &Desired) -> Result<(), CallError> {
    let Some(bucket) = &desired.artifacts else { return Ok(()) };
    for upload in &desired.uploads {
        let content = match &upload.content {
            UploadContent::Text(text) => s3::Content::Text(text),
            UploadContent::File(path) => s3::Content::File(path),
        };
        if s3::put_if_absent(session, bucket, &upload.key, content).await? == s3::Put::Sent {
            run.emit(stack, What::Uploaded { name: upload.name.clone(), key: upload.key.clone() });
        }
    }
    Ok(())
}
