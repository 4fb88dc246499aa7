//! The whole system: real processes, real HTTP, against the simulator of `WeChat`.

mod browser;
mod commands;
mod compose;
mod consent;
mod credentials;
mod defects;
mod demo;
mod dirty;
mod documents;
mod examples;
mod figures;
mod house;
mod kills;
mod load;
mod long_list;
mod outages;
mod release_check;
mod replies;
mod scan;
mod stories;
mod streams;
mod subscribers;
mod webhooks;
mod world;
