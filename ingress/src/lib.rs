//! mandate-ingress
