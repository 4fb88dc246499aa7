//! mandate-simulator
