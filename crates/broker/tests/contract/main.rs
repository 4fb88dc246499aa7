//! How the client behaves when `RabbitMQ` misbehaves. The traps of lapin that the code avoids are each shown here.

mod api;
mod bench;
mod desk;
mod node;
mod on_servers;
mod until;
