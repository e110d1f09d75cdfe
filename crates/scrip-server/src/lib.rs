#![doc = include_str!("../README.md")]

mod access_token;
mod account;
mod agent_page;
mod api_key;
mod auth;
mod card;
mod chain;
mod database;
mod delegation;
mod document;
mod endpoints;
mod extract;
mod fund;
mod holds;
mod operation;
mod peers;
mod permission;
mod plan_page;
mod problem;
mod routes;
mod running;
mod scope;
mod server;
mod shared;
mod state;
mod top_up;
mod vault;
mod wire;
mod work;

pub use card::Stripe;
pub use problem::{Problem, ProblemDetails};
pub use scope::{Scope, Scopes, UnknownScope};
pub use server::{Config, Fund, Server, StartError};
pub use state::Clock;
pub use vault::{InvalidMasterKey, MasterKey};
