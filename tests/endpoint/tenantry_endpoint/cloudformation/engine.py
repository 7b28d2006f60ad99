"""Runs stack operations in the background: create, update, delete, and their rollbacks, each with its events."""

from __future__ import annotations

import threading
import time
from typing import Any

from moto.ec2.models import ec2_backends

from .. import faults
from ..clock import AFTERWARDS, SLOW, advance, pause
from ..errors import AwsError
from ..internal import as_system
from ..state import MOTO
from . import limits, linked_roles, names, permissions, secrets, triggers
from .model import Resource, Stack, Target
from .plan import look_up, properties_of, recreation, resolver
from .resources import KINDS
from .resources.kind import HalfMade, Kind, Made, Place
from .template import order, references


#: Steps for which the deletion of a resource is tried while something holds it: longer than functions' interfaces linger.
HOLD_STEPS = 50


def kind_of(name: str) -> Kind:
    """The implementation of a type; an error that says so where there is none."""
    if name not in KINDS:
        raise AwsError("ValidationError", f"the local endpoint does not implement resource type {name}")
    return KINDS[name]


class Failed(Exception):
    """A resource failed; the reason stands in its event."""


def start(action: Any, *arguments: Any) -> None:
    """Run a stack operation in the background."""
    arguments[0].making = next((one for one in arguments if isinstance(one, Target)), None)

    def run() -> None:
        stack = arguments[0]
        try:
            _held(stack)
            with as_system():
                action(*arguments)
            advance(AFTERWARDS)
        except Exception as error:  # a fault of the endpoint ends the operation in the service's failed state
            verb = stack.status.split("_")[0]
            stack.become(f"{verb}_FAILED", f"Internal Failure: {type(error).__name__}: {error}")

    threading.Thread(target=run, daemon=True).start()


def _held(stack: Stack) -> None:
    """Stay in a status for as long as a fault says so."""
    while faults.holds(stack.account, stack.region, stack.name, stack.status):
        time.sleep(0.002)


def _enter(stack: Stack, status: str, reason: str | None = None) -> None:
    """Enter a status in which the operation goes on."""
    stack.become(status, reason)
    _held(stack)


def _spoil(stack: Stack, logical: str, phase: str) -> None:
    """Fail where a fault says so."""
    if faults.fails(stack.account, stack.region, stack.name, logical, phase):
        raise AwsError("InvalidRequest", f"the {phase} of the resource failed")


def _live(stack: Stack, target: Target) -> Any:
    def attribute(name: str, key: str) -> Any:
        value = look_up(stack.resources[name].made, key)
        if value is None:
            raise AwsError("ValidationError", f"the local endpoint knows no attribute {key} of "
                           f"{stack.resources[name].type} {name}")
        return value

    return resolver(stack, target, lambda name: stack.resources[name].made.id, attribute)


def _mark(stack: Stack, logical: str, kind: str, physical: str, status: str, reason: str | None = None) -> None:
    resource = stack.resources.get(logical)
    if resource is not None:
        resource.status, resource.reason, resource.at = status, reason, time.time()
    stack.event(logical, kind, physical, status, reason)


def _fail(stack: Stack, logical: str, kind: str, physical: str, status: str, error: Exception) -> Failed:
    code = getattr(error, "code", type(error).__name__)
    text = getattr(error, "message", str(error))
    reason = f'Resource handler returned message: "{text}" (HandlerErrorCode: {code})'
    _mark(stack, logical, kind, physical, status, reason)
    return Failed(logical)


def _create(stack: Stack, logical: str, definition: dict[str, Any], properties: dict[str, Any]) -> None:
    kind = definition["Type"]
    if stack.making is not None and logical in stack.making.imports:
        _take_over(stack, logical, definition, properties, stack.making.imports[logical].made)
        return
    stack.event(logical, kind, "", "CREATE_IN_PROGRESS")
    place = stack.place(logical)
    try:
        handler = kind_of(kind)
        names.need_free(place, kind, properties)
        permissions.need(stack.role, place, kind, "create", properties)
        linked_roles.need(stack.role, place, kind, properties)
        limits.need_room(place, kind, properties, creates=True)
        made = handler.create(place, secrets.reveal(stack.role, place, properties))
        if faults.fails(stack.account, stack.region, stack.name, logical):
            raise HalfMade(made, AwsError("NotStabilized", "the resource did not stabilize"))
    except HalfMade as half:
        stack.resources[logical] = Resource(logical, kind, half.made, properties, definition, "CREATE_FAILED")
        raise _fail(stack, logical, kind, half.made.id, "CREATE_FAILED", half.error) from None
    except Exception as error:  # whatever a handler or service says fails this resource
        failed = Resource(logical, kind, Made(""), properties, definition, "CREATE_FAILED")
        stack.resources.setdefault(logical, failed)
        raise _fail(stack, logical, kind, "", "CREATE_FAILED", error) from None
    stack.resources[logical] = Resource(logical, kind, made, properties, definition)
    stack.event(logical, kind, made.id, "CREATE_IN_PROGRESS", "Resource creation Initiated")
    advance(SLOW.get(kind, 0))
    _mark(stack, logical, kind, made.id, "CREATE_COMPLETE")


def _take_over(stack: Stack, logical: str, definition: dict[str, Any], properties: dict[str, Any], made: Made) -> None:
    """Take a resource as it is; the stack remembers what its template says of it."""
    kind = definition["Type"]
    stack.event(logical, kind, made.id, "IMPORT_IN_PROGRESS", "Resource import started.")
    stack.resources[logical] = Resource(logical, kind, made, properties, definition, "IMPORT_COMPLETE")
    _mark(stack, logical, kind, made.id, "IMPORT_COMPLETE", "Resource import completed.")


def take_over(stack: Stack, target: Target) -> None:
    """Import resources, and nothing else; on failure give them back, as they are."""
    how = _live(stack, target)
    taken: list[str] = []
    try:
        for logical in order(target.document["Resources"]):
            if logical in target.imports:
                pause()
                definition = target.document["Resources"][logical]
                made = target.imports[logical].made
                try:
                    _spoil(stack, logical, "import")
                except AwsError as error:
                    raise _fail(stack, logical, definition["Type"], made.id, "IMPORT_FAILED", error) from None
                _take_over(stack, logical, definition, properties_of(stack, target, definition, how), made)
                taken.append(logical)
        _settle(stack, target)
    except (Failed, AwsError) as failure:
        _enter(stack, "IMPORT_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to import: [{failure}]. ")
        _give_back(stack, taken)
        return
    stack.become("IMPORT_COMPLETE")


def _give_back(stack: Stack, taken: list[str]) -> None:
    """Let go of what an import took."""
    for logical in reversed(taken):
        resource = stack.resources[logical]
        try:
            _spoil(stack, logical, "import-rollback")
        except AwsError as error:
            _fail(stack, logical, resource.type, resource.made.id, "IMPORT_ROLLBACK_FAILED", error)
            stack.become("IMPORT_ROLLBACK_FAILED", f"The following resource(s) failed to roll back: [{logical}]. ")
            return
        stack.event(logical, resource.type, resource.made.id, "IMPORT_ROLLBACK_COMPLETE")
        stack.resources.pop(logical)
    stack.become("IMPORT_ROLLBACK_COMPLETE")


def _is_kept(stack: Stack, resource: Resource, policy: str, undone: bool) -> bool:
    """Whether a policy keeps a resource. `RetainExceptOnCreate`, and the option of that name for a whole operation,
    keep nothing that the operation which is rolled back has created ("DeletionPolicy attribute", User Guide;
    ExecuteChangeSet, API Reference)."""
    word = str(resource.definition.get(policy))
    if undone and stack.retain_except_on_create:
        return False
    return word == "Retain" or word == "RetainExceptOnCreate" and not undone


def _forget_tags(place: Place, resource: Resource) -> None:
    """moto keeps the tags of EC2 resources that are gone, and goes on listing them."""
    if resource.type.startswith("AWS::EC2::"):
        tags = ec2_backends[place.account][place.region].tags
        for known in (resource.made.id, resource.made.attributes.get("AllocationId")):
            with MOTO:
                tags.pop(known, None)


def _delete(stack: Stack, resource: Resource, policy: str = "DeletionPolicy", undone: bool = False) -> None:
    kept = _is_kept(stack, resource, policy, undone)
    if kept or not resource.made.id:
        status = "DELETE_SKIPPED" if kept else "DELETE_COMPLETE"
        stack.event(resource.logical, resource.type, resource.made.id, status)
        resource.status = status
        return
    _mark(stack, resource.logical, resource.type, resource.made.id, "DELETE_IN_PROGRESS")
    try:
        _spoil(stack, resource.logical, "delete")
        place = stack.place(resource.logical)
        permissions.need(stack.role, place, resource.type, "delete", resource.properties, resource.made)
        for patience in reversed(range(HOLD_STEPS)):
            try:
                kind_of(resource.type).delete(place, resource.made, resource.properties)
                _forget_tags(place, resource)
                break
            except AwsError as error:
                if error.code != "DependencyViolation" or not patience:
                    raise
                pause()
    except Exception as error:  # as above
        resource.status = "DELETE_FAILED"
        raise _fail(stack, resource.logical, resource.type, resource.made.id, "DELETE_FAILED", error) from None
    stack.event(resource.logical, resource.type, resource.made.id, "DELETE_COMPLETE")
    resource.status = "DELETE_COMPLETE"


def _remove(stack: Stack, resources: list[Resource], undone: bool = False) -> list[str]:
    """Delete in the given order; the logical ids that could not be. `undone`: the operation that created them is
    rolled back."""
    failed = []
    for resource in resources:
        pause()
        try:
            _delete(stack, resource, undone=undone)
            stack.resources.pop(resource.logical, None)
        except Failed:
            failed.append(resource.logical)
    return failed


def _settle(stack: Stack, target: Target) -> None:
    how = _live(stack, target)
    stack.outputs = []
    for name, output in (target.document.get("Outputs") or {}).items():
        if not how.wanted(output):
            continue
        value = how.resolve(output["Value"])
        row = {"OutputKey": name, "OutputValue": str(value).lower() if isinstance(value, bool) else str(value)}
        if output.get("Description"):
            row["Description"] = output["Description"]
        if output.get("Export"):
            row["ExportName"] = how.resolve(output["Export"]["Name"])
        stack.outputs.append(row)
    stack.target = target


def create(stack: Stack, target: Target, on_failure: str) -> None:
    """Make every resource; on failure roll back, keep or delete as asked."""
    how = _live(stack, target)
    try:
        for logical in order(target.document["Resources"]):
            definition = target.document["Resources"][logical]
            if how.wanted(definition):
                pause()
                try:
                    properties = properties_of(stack, target, definition, how)
                except AwsError as error:
                    stack.resources[logical] = Resource(logical, definition["Type"], Made(""), {}, definition)
                    raise _fail(stack, logical, definition["Type"], "", "CREATE_FAILED", error) from None
                _create(stack, logical, definition, properties)
        _settle(stack, target)
    except (Failed, AwsError) as failure:
        reason = f"The following resource(s) failed to create: [{failure}]. "
        stack.target = target
        if on_failure == "DO_NOTHING":
            stack.become("CREATE_FAILED", reason)
        elif on_failure == "DELETE":
            _enter(stack, "DELETE_IN_PROGRESS", reason)
            delete(stack, set())
        else:
            _enter(stack, "ROLLBACK_IN_PROGRESS", reason + "Rollback requested by user.")
            undo_creation(stack)
        return
    stack.become("CREATE_COMPLETE")


def undo_creation(stack: Stack) -> None:
    """Delete what a creation that failed has made; what is retained is still told, as skipped."""
    made = list(stack.resources.values())
    failed = _remove(stack, list(reversed(made)), undone=True)
    stack.resources.update({one.logical: one for one in made if one.status == "DELETE_SKIPPED"})
    text = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
    stack.become("ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", text if failed else None)


def _last_first(resources: list[Resource]) -> list[Resource]:
    """The order of deletion: each after what depends on it, and roles as early as that allows. CloudFormation deletes what
    is free to go at once, so what must outlive something has to be ordered by the template."""
    needs = {one.logical: set(references(one.definition)) for one in resources}
    waiting = sorted(reversed(resources), key=lambda one: one.type != "AWS::IAM::Role")
    found: list[Resource] = []
    while waiting:
        free = next((one for one in waiting if not any(one.logical in needs[other.logical] for other in waiting
                                                       if other is not one)), waiting[0])
        waiting.remove(free)
        found.append(free)
    return found


def delete(stack: Stack, retained: set[str]) -> None:
    """Delete every resource that is not retained."""
    failed = _remove(stack, _last_first([r for r in stack.resources.values() if r.logical not in retained]))
    if failed:
        stack.become("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]. ")
        return
    stack.deleted = time.time()
    stack.become("DELETE_COMPLETE")


def _change(stack: Stack, logical: str, definition: dict[str, Any], new: dict[str, Any],
            old_ones: list[Resource], phase: str) -> None:
    old = stack.resources[logical]
    changed = [key for key in set(old.properties) | set(new) if old.properties.get(key) != new.get(key)]
    if not changed:
        old.definition = definition
        if old.status == "UPDATE_FAILED":
            _mark(stack, logical, old.type, old.made.id, "UPDATE_COMPLETE")
        return
    _mark(stack, logical, old.type, old.made.id, "UPDATE_IN_PROGRESS")
    replaces = any(recreation(old.type, stack.region, key, old.properties.get(key), new.get(key)) == "Always"
                   for key in changed)
    handler = kind_of(old.type)
    try:
        _spoil(stack, logical, phase)
        if replaces:
            reason = "Requested update requires the creation of a new physical resource; hence creating one."
            stack.event(logical, old.type, old.made.id, "UPDATE_IN_PROGRESS", reason)
            names.need_free(stack.place(logical), old.type, new)
            permissions.need(stack.role, stack.place(logical), old.type, "create", new)
            linked_roles.need(stack.role, stack.place(logical), old.type, new)
            limits.need_room(stack.place(logical), old.type, new, creates=True)
            made = handler.create(stack.place(logical), secrets.reveal(stack.role, stack.place(logical), new))
            old_ones.append(old)
        else:
            permissions.need(stack.role, stack.place(logical), old.type, "update", new, old.made)
            limits.need_room(stack.place(logical), old.type, new, creates=False)
            place = stack.place(logical)
            before, after = (secrets.reveal(stack.role, place, given) for given in (old.properties, new))
            made = handler.update(place, old.made, before, after)
    except Exception as error:  # whatever a handler or service says fails this resource
        raise _fail(stack, logical, old.type, old.made.id, "UPDATE_FAILED", error) from None
    stack.resources[logical] = Resource(logical, old.type, made, new, definition)
    stack.skipped.discard(logical)
    _mark(stack, logical, old.type, made.id, "UPDATE_COMPLETE")


def _skip(stack: Stack, logical: str) -> None:
    """Call a resource complete whose rollback failed; it stays as it is, and drift detection does not look at it."""
    resource = stack.resources[logical]
    stack.unrolled.discard(logical)
    stack.skipped.add(logical)
    _mark(stack, logical, resource.type, resource.made.id, "UPDATE_COMPLETE", "Resource skipped in the rollback")


def _forward(stack: Stack, target: Target, replaced: list[Resource], phase: str = "update",
             skipped: frozenset[str] = frozenset()) -> list[str]:
    how = _live(stack, target)
    resources = target.document["Resources"]
    wanted = [name for name in order(resources) if how.wanted(resources[name])]
    for logical in wanted:
        definition = resources[logical]
        try:
            properties = properties_of(stack, target, definition, how)
        except AwsError as error:
            raise _fail(stack, logical, definition["Type"], "", "UPDATE_FAILED", error) from None
        if phase == "rollback" and logical in stack.actual:
            properties = stack.actual[logical][0]
        before = stack.resources.get(logical)
        if before is not None and before.status == "CREATE_FAILED" and not before.made.id:
            stack.resources.pop(logical)
        if logical in skipped:
            _skip(stack, logical)
        elif logical in stack.resources:
            _change(stack, logical, definition, properties, replaced, phase)
        else:
            pause()
            _create(stack, logical, definition, properties)
    return wanted


def update(stack: Stack, target: Target, rolls_back: bool = True) -> None:
    """Bring a stack to a target; on failure bring it back to what it was, or leave it as it is then."""
    before, replaced = stack.unfinished or (stack.target, [])
    stack.unfinished = None
    try:
        wanted = _forward(stack, target, replaced)
        _settle(stack, target)
        triggers.watch(stack, pause)
    except triggers.Breached as breached:
        _enter(stack, "UPDATE_ROLLBACK_IN_PROGRESS", str(breached))
        _back(stack, before, replaced)
        return
    except (Failed, AwsError) as failure:
        reason = f"The following resource(s) failed to update: [{failure}]. "
        if not rolls_back:
            stack.unfinished = (before, replaced)
            stack.become("UPDATE_FAILED", reason)
            return
        _enter(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        _back(stack, before, replaced)
        return
    stack.actual = {}
    _enter(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    pause()
    for resource in reversed(replaced):
        try:
            _delete(stack, resource, "UpdateReplacePolicy")
        except Failed:
            continue
    _remove(stack, [r for r in reversed(stack.resources.values()) if r.logical not in wanted])
    stack.become("UPDATE_COMPLETE")


def roll_back(stack: Stack) -> None:
    """Bring a stack whose update failed without a rollback back to what it was."""
    before, superseded = stack.unfinished or (stack.target, [])
    stack.unfinished = None
    _back(stack, before, superseded)


def continue_rollback(stack: Stack, skipped: set[str], forced: bool) -> None:
    """Go on with a rollback that failed: without the resources that are skipped, or with `forced` without any at which
    the rollback fails."""
    before, replaced = stack.unfinished or (stack.target, [])
    while True:
        _undo(stack, before, replaced, frozenset(skipped))
        if not forced or stack.status != "UPDATE_ROLLBACK_FAILED" or not stack.unrolled - skipped:
            return
        skipped |= stack.unrolled
        stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"


def _back(stack: Stack, before: Target | None, superseded: list[Resource]) -> None:
    if before is None:
        stack.become("UPDATE_ROLLBACK_FAILED", "no earlier template")
        return
    replaced = [stack.resources[old.logical] for old in superseded]
    stack.resources.update({old.logical: old for old in superseded})
    _undo(stack, before, replaced, frozenset())


def _undo(stack: Stack, before: Target | None, replaced: list[Resource], skipped: frozenset[str]) -> None:
    assert before is not None
    stack.unfinished = (before, replaced)
    try:
        for resource in [r for r in stack.resources.values() if r.status == "CREATE_FAILED" and not r.made.id]:
            stack.resources.pop(resource.logical)
        wanted = _forward(stack, before, replaced, "rollback", skipped)
        stack.let_go()
        _settle(stack, before)
    except (Failed, AwsError) as failure:
        if isinstance(failure, Failed):
            stack.unrolled.add(str(failure))
        stack.become("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{failure}]. ")
        return
    stack.unfinished = None
    _enter(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    for resource in reversed(replaced):
        try:
            _delete(stack, resource, "UpdateReplacePolicy")
        except Failed:
            continue
    _remove(stack, [r for r in reversed(stack.resources.values()) if r.logical not in wanted], undone=True)
    stack.become("UPDATE_ROLLBACK_COMPLETE")
