//! From rendered stacks to CloudFormation: a plan that can be shown and saved, and its execution.
//!
//! In: what every stack should be ([`Desired`]). [`prepare`] looks at what is there and gives a [`Plan`]; [`apply`]
//! executes a plan and decides nothing. The two do not know each other. Events go to whoever draws them.

mod adopt;
pub mod apply;
pub mod change;
pub mod contents;
pub mod cost;
pub mod deployed;
mod desired;
pub mod destroy;
pub mod durations;
pub mod events;
mod failure;
pub mod flags;
mod flight;
pub mod gate;
mod guards;
pub mod journal;
pub mod lock;
pub mod locks;
pub mod ownership;
pub mod pace;
pub mod places;
pub mod plan;
pub mod prepare;
pub mod purge;
pub mod rescue;
pub mod restore;
mod retry;
pub mod stacks;
pub mod stale;
pub mod state;
pub mod status;
mod superseded;
pub mod teardown;
pub mod zips;

pub use desired::{ByStack, Desired, ESTATE_ID_TAG, ESTATE_TAG, OWN_CHANGE_SETS, TENANT_TAG, Upload, UploadContent};
pub use plan::{Action, Baseline, Left, Plan, Recovery, StackPlan, Unseen, Warning};
pub use state::State;
