//! AWS adapters: one file per service, free functions over a [`Session`], own types in and out.
//!
//! The only folder that knows the SDK; nothing of the SDK leaves it. Services of which a few calls are made have no crate
//! of the SDK: `reads` asks them, and `request` signs and sends. Missing response fields are errors that name
//! account, region, operation and field.

pub mod account_settings;
pub mod alarms;
pub mod appconfig;
pub mod attributes;
pub mod calls;
pub mod change_sets;
mod clock;
pub mod cloudcontrol;
pub mod cloudformation;
pub mod cloudtrail;
pub mod cloudwatch;
mod configure;
pub mod deletions;
pub mod drift_detection;
pub mod ec2;
pub mod ec2_usage;
mod error;
pub mod events;
pub mod functions;
pub mod hooks;
pub mod hosted_zones;
mod hosts;
pub mod iam;
pub mod neighbours;
pub mod network;
pub mod network_repair;
pub mod offers;
mod pages;
pub mod permissions;
pub mod rates;
pub mod reads;
mod request;
pub mod resource_lists;
pub mod roles;
pub mod s3;
pub mod secrets;
pub mod servicequotas;
mod session;
pub mod settings;
pub mod settings_repair;
pub mod sqs;
pub mod stack_events;
pub mod sts;
pub mod tagging;
pub mod topics;
pub mod usage_metrics;

pub use configure::ConfigureError;
pub use error::{
    CallError, Cause, Unreached, is_access_denied, is_expired, is_throttled, is_wrong_credentials, may_pass,
    not_implemented, with_causes,
};
pub use rates::Family;
pub use reads::Question;
pub(crate) use session::http_client;
pub use session::{Access, Cloud, Place, Purpose, Session, Unopened, none_opened};

pub mod xml;

#[cfg(test)]
mod wire;
