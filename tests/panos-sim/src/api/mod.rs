//! The XML API: HTTPS in front, then parameters, authentication, and one handler for each type of request.

mod auth;
mod body;
mod commit;
mod config;
mod envelope;
mod op;
mod params;
mod router;
mod server;
mod user_id;

pub(crate) use server::serve;
