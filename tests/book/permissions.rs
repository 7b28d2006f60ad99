//! The page of permissions: what the adapters call, by the role that may.

use std::collections::{BTreeMap, BTreeSet};

use tenantry::cloud::permissions::{CALLS, OPERATOR};

const INTRODUCTION: &str = "# Permissions

`tenantry bootstrap` creates three roles in each account; `ROLE` is the name in `accounts.ACCOUNT.role` of [the fleet's
file](fleet-file.md). [Threat model](threat-model.md) explains what each role could do if it were compromised.

| role | assumed by | may |
|---|---|---|
| `ROLE-read` | commands that change nothing | read, create change sets, upload their templates below `plans/` |
| `ROLE` | commands that change something | what `ROLE-read` may, execute change sets, pass `ROLE-stacks` to CloudFormation |
| `ROLE-stacks` | CloudFormation | what the handlers of the templates' resource types need |

## By command

| command | role |
|---|---|
| `init`, `validate`, `explain`, `render`, `cost`, `graph`, `list`, `images`, `journal`, `permissions`, `schema`, `functions`, `completions`, `man`, `release cut`, `release diff`, `release verify`, `flags set`, `flags lint`, `flags why` | none: they call no AWS API |
| `plan`, `diff`, `status`, `drift`, `capacity`, `quotas`, `alarms`, `watch`, `report`, `output`, `incident`, `new`, `move`, `flags show`, `release plan`, `release status` | `ROLE-read` |
| `deploy`, `drift --fix`, `rescue`, `destroy`, `release roll`, `release rollback`, `release pause`, `move --finish`, `flags push`, `replay`, `rejects`, `unlock`, `quotas --request` | `ROLE` |
| `doctor` | both, or the role of `--role` before `bootstrap` |
| `bootstrap --role`, `destroy --purge --role` | the role that you name, with administrator permissions; no role of the control plane is allowed to |

For an estate with its own templates, `tenantry permissions` prints the policies that the roles need, and `tenantry permissions --check`
compares them with the granted permissions.

## By service

Written by `UPDATE_EXPECTED=1 cargo test --test offline book::`, from the list of the adapters' calls, which a test compares with the
source. Names are those of the Service Authorization Reference.

";

#[test]
fn every_command_is_in_the_table() {
    let table = INTRODUCTION.split("## By command").nth(1).unwrap().split("\n\n").nth(1).unwrap();
    let shown: BTreeSet<&str> = table
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split(' ').next())
        .filter(|word| !word.starts_with("ROLE"))
        .collect();
    let command = <tenantry::cli::Cli as clap::CommandFactory>::command();
    let all: BTreeSet<&str> =
        command.get_subcommands().map(|inner| inner.get_name()).filter(|name| *name != "help").collect();
    let missing: Vec<&&str> = all.difference(&shown).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

pub(super) fn page() -> String {
    let mut services: BTreeMap<&str, [Vec<&str>; 2]> = BTreeMap::new();
    for call in CALLS {
        let (service, action) = call.action.split_once(':').unwrap();
        services.entry(service).or_default()[usize::from(!call.reads)].push(action);
    }
    let cell = |actions: &[&str]| actions.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
    let mut out = INTRODUCTION.to_owned() + "| service | `ROLE-read` | `ROLE`, in addition |\n|---|---|---|\n";
    for (service, [reads, deploys]) in services {
        out += &format!("| `{service}` | {} | {} |\n", cell(&reads), cell(&deploys));
    }
    let only_read: Vec<&str> = CALLS.iter().filter(|call| !call.deploys).map(|call| call.action).collect();
    out + &format!(
        "\n`ROLE` does not have these, which only `watch` and `incident` call: {}.\n\n## `destroy --purge`\n\nThe role that you name needs \
         {}, and the permissions of the retained types' delete handlers.\n",
        cell(&only_read),
        cell(OPERATOR)
    )
}
