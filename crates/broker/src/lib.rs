//! mandate-broker
