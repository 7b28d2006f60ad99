//! One stack from its start to its end.

use super::apply::Run;
use super::change::stack_policy;
use super::desired::hash;
use super::events::{Outcome, What};
use super::{Action, Desired, Ground, StackPlan, State, UploadContent, failure, prepare};
use crate::cloud::cloudformation::{self, ChangeSetKind, Event, Protection, Stack};
use crate::cloud::{CallError, Session, s3};

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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
    /// Uploads what the template names and starts the change.
    pub(super) async fn start(
        session: &Session,
        run: &Run<'_>,
        stack: &'a StackPlan,
        desired: &'a Desired,
        live: Option<&Stack>,
    ) -> Result<Self, CallError> {
        upload(session, run, stack, desired).await?;
        let status = live.map(|stack| stack.status.clone()).unwrap_or_default();
        let mut flight = Self { stack, desired, phase: Phase::Changing, status, seen: None, events: Vec::new() };
        if let (Some(live), false) = (live, stack.action == Action::Follow) {
            let before = cloudformation::events_since(session, &live.id, None).await?;
            flight.seen = before.last().map(|event| event.id.clone());
        }
        match &stack.action {
            Action::Apply { change_set: Some(id), makes, .. } => {
                if *makes == ChangeSetKind::Update {
                    let policy = stack_policy(&run.options.allow_replace);
                    cloudformation::set_stack_policy(session, &stack.stack, &policy).await?;
                }
                flight.execute(session, id).await?;
            }
            Action::Recreate { .. } => {
                let id = live.map_or(stack.stack.as_str(), |stack| stack.id.as_str());
                cloudformation::set_termination_protection(session, id, Protection::Off).await?;
                cloudformation::delete_stack(session, id, &format!("tenantry-{}", hash(&[id], 20))).await?;
                flight.phase = Phase::Clearing;
            }
            _ => {}
        }
        run.emit(stack, What::Started);
        Ok(flight)
    }

    async fn execute(&self, session: &Session, id: &str) -> Result<(), CallError> {
        let token = format!("{}-{}", self.desired.change_set_prefix(), hash(&[id], 8));
        cloudformation::execute_change_set(session, id, &token).await
    }

    /// Looks at the stack as the common poll saw it.
    pub(super) async fn look(
        &mut self,
        session: &Session,
        run: &Run<'_>,
        live: Option<&Stack>,
    ) -> Result<Step, CallError> {
        let Some(live) = live else { return self.absent(session, run).await };
        let changed = live.status != self.status;
        if changed {
            self.status.clone_from(&live.status);
            run.emit(self.stack, What::Status { status: live.status.clone() });
        }
        let state = State::of(Some(&live.status));
        if changed || state != State::InProgress {
            self.read_events(session, run, &live.id).await?;
        }
        // Right after the start the old status may still be shown: only an event of this change ends it.
        if state == State::InProgress || state == State::Absent || !self.has_ended(live) {
            return Ok(Step::Flying);
        }
        if self.phase == Phase::Changing && state == State::Settled {
            self.protect(session, &live.id).await?;
            return Ok(Step::Landed(Outcome::Done));
        }
        if !run.options.allow_replace.is_empty() && self.phase == Phase::Changing {
            cloudformation::set_stack_policy(session, &live.id, &stack_policy(&[])).await?;
        }
        Ok(Step::Landed(self.failed(live)))
    }

    /// No stack: gone as meant, or gone by somebody's hand.
    async fn absent(&mut self, session: &Session, run: &Run<'_>) -> Result<Step, CallError> {
        if self.phase == Phase::Changing {
            let reason = "the stack was deleted while it was followed".to_owned();
            let status = "DELETE_COMPLETE".to_owned();
            return Ok(Step::Landed(Outcome::Failed { status, resource: None, reason, remedy: None }));
        }
        let (ground, pace) = (Ground::default(), run.options.pace);
        match prepare::change_set(session, self.desired, &ground, ChangeSetKind::Create, pace).await {
            Ok(Some(set)) => {
                self.execute(session, &set.id).await?;
                (self.phase, self.seen) = (Phase::Changing, None);
                self.events.clear();
                Ok(Step::Flying)
            }
            Ok(None) => Ok(Step::Landed(Outcome::Done)),
            Err(prepare::PrepareError::Call { source, .. }) => Err(source),
            Err(error) => Ok(Step::Landed(Outcome::Broken { why: error.to_string(), hint: None })),
        }
    }

    async fn read_events(&mut self, session: &Session, run: &Run<'_>, id: &str) -> Result<(), CallError> {
        let new = cloudformation::events_since(session, id, self.seen.as_deref()).await?;
        for event in &new {
            let (logical_id, status) = (event.logical_id.clone(), event.status.clone());
            run.emit(self.stack, What::Resource { logical_id, status, reason: event.reason.clone() });
        }
        if let Some(last) = new.last() {
            self.seen = Some(last.id.clone());
        }
        self.events.extend(new);
        Ok(())
    }

    /// The newest event of the stack itself has the status that the stack shows.
    fn has_ended(&self, live: &Stack) -> bool {
        let own = self.events.iter().rev().find(|event| event.physical_id.as_deref() == Some(live.id.as_str()));
        own.is_some_and(|event| event.status == live.status)
    }

    async fn protect(&self, session: &Session, id: &str) -> Result<(), CallError> {
        cloudformation::set_stack_policy(session, id, &stack_policy(&[])).await?;
        cloudformation::set_termination_protection(session, id, Protection::On).await
    }

    fn failed(&self, live: &Stack) -> Outcome {
        let first = failure::first(&self.events);
        let reason = first.and_then(|event| event.reason.clone()).or_else(|| live.reason.clone());
        let reason = reason.unwrap_or_else(|| "CloudFormation gave no reason".to_owned());
        let stuck = State::of(Some(&live.status)) == State::Stuck;
        let remedy = failure::remedy(&reason).or_else(|| stuck.then(|| State::remedy(&live.status)));
        Outcome::Failed {
            status: live.status.clone(),
            resource: first.map(|event| event.logical_id.clone()),
            remedy: remedy.map(str::to_owned),
            reason,
        }
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
            run.emit(stack, What::Uploaded { key: upload.key.clone() });
        }
    }
    Ok(())
}
