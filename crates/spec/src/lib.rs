//! What an estate says: its fleet, its tenants, their flags. No template, no AWS.

pub mod estate;
pub mod flags;
