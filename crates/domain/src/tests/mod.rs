//! What an authorizer and a component become, told as histories.
//!
//! [`given`] and [`inspected`] hold the words, [`effects`], [`samples`] and [`any_events`] the values; the other files ask one question each.

mod any_events;
mod effects;
mod given;
mod inspected;
mod samples;
mod sealing;

mod codes;
mod component;
mod folds;
mod folds_of_order;
mod grant_table;
mod grants_without_code;
mod inspection_credentials;
mod inspection_permissions;
mod inspection_properties;
mod inspection_questions;
mod inspection_revocation;
mod inspection_stale;
mod inspection_windows;
mod inspection_without_info;
mod listed;
mod notices;
mod order;
mod order_properties;
mod profiles;
mod redemption;
mod redemption_stale;
mod refresh;
mod refused_codes;
mod revocation_table;
mod simulation;
mod status;
mod streams;
mod total_properties;
