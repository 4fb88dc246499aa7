//! What an account and a component become, told as histories.
//!
//! [`given`] holds the words, [`effects`], [`samples`] and [`any_events`] the values; the other files ask one question each.

mod any_events;
mod effects;
mod given;
mod samples;

mod codes;
mod component;
mod confirmation;
mod folds;
mod grant_table;
mod listed;
mod notices;
mod order_properties;
mod profiles;
mod recovery;
mod redemption;
mod refresh;
mod revocation_table;
mod simulation;
mod status;
mod streams;
mod total_properties;
