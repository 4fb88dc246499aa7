//! A database server.

mod only;
mod upgrade;

suite!(crate::conformance::postgres::PostgresDatabase);
