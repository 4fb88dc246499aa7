//! Everything that needs a `RabbitMQ`.

mod consuming;
mod outages;
mod publishing;
mod tls;
