//! The worker over a real store: what is decided, kept and refused, without any network.

mod alone;
mod codes;
mod consent;
mod consent_race;
mod deaths;
mod dirty;
mod endings;
mod erasing;
mod given;
mod inbox;
mod ingest;
mod list_scan;
mod messages;
mod migrated;
mod publisher;
mod receiver;
mod reconcile;
mod sealing;
mod state;
mod token_life;
mod versions;
mod webhook_limits;
mod webhook_refusals;
mod webhooks;
mod wechat;
