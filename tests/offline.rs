//! Tests that need no AWS: the estate, the templates, the rules, the bills. One binary, because each links the whole
//! tool.

#![cfg(test)]

#[path = "answers/main.rs"]
mod answers;
mod architecture;
#[path = "book/main.rs"]
mod book;
#[path = "cost/main.rs"]
mod cost;
#[path = "estate/main.rs"]
mod estate;
#[path = "mutants/main.rs"]
mod mutants;
#[path = "policies/main.rs"]
mod policies;
#[path = "report/main.rs"]
mod report;
#[path = "templates/main.rs"]
mod templates;
