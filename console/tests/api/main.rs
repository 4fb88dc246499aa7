//! The API over a real store, filled through the worker's real ingest.

mod access;
mod authorizers;
mod components;
mod consent;
mod contract;
mod dead_letters;
mod documents;
mod feed;
mod floods;
mod history;
mod inbox;
mod keys;
mod links;
mod listener;
mod messages;
mod problems;
mod proxy;
mod pushes;
mod secrets;
mod webhooks;
mod world;
