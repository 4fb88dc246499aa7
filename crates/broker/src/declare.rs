//! Makes the topology at each connect, and says what is there in another form.

use lapin::{
    Channel, ErrorKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tracing::error;

use crate::{
    connection::Line,
    failure::{Failure, answer, said},
    topology::{Exchange, Queue, Topology},
};

/// Declares everything. What exists with other arguments, or may not be declared by this user, is used as it is.
/// Returns a warning for each of those.
pub(crate) async fn declare(line: &Line, topology: &Topology) -> Result<Vec<String>, Failure> {
    let mut declaring = Declaring { line, channel: line.channel().await?, warnings: Vec::new() };
    for exchange in &topology.exchanges {
        declaring.exchange(exchange).await?;
    }
    for queue in &topology.queues {
        declaring.queue(queue).await?;
    }
    let Declaring { channel, warnings, .. } = declaring;
    answer("close a channel", channel.close(200, "OK".into())).await??;
    Ok(warnings)
}

struct Declaring<'a> {
    line: &'a Line,
    channel: Channel,
    warnings: Vec<String>,
}

impl Declaring<'_> {
    async fn exchange(&mut self, exchange: &Exchange) -> Result<(), Failure> {
        let declare = |channel: Channel, passive| {
            let options = ExchangeDeclareOptions { passive, durable: true, ..Default::default() };
            let kind = exchange.kind.clone();
            async move {
                channel.exchange_declare(exchange.name.into(), kind, options, FieldTable::default()).await
            }
        };
        let what = format!("exchange {}", exchange.name);
        let declared = answer("declare an exchange", declare(self.channel.clone(), false)).await?;
        if self.or_warn(&what, declared).await? {
            return Ok(());
        }
        answer("find an exchange", declare(self.channel.clone(), true)).await??;
        Ok(())
    }

    async fn queue(&mut self, queue: &Queue) -> Result<(), Failure> {
        let declare = |channel: Channel, passive| async move {
            let options = QueueDeclareOptions { passive, durable: true, ..Default::default() };
            channel.queue_declare(queue.name.into(), options, queue.arguments.clone()).await
        };
        let what = format!("queue {}", queue.name);
        let declared = answer("declare a queue", declare(self.channel.clone(), false)).await?;
        if !self.or_warn(&what, declared.map(drop)).await? {
            answer("find a queue", declare(self.channel.clone(), true)).await??;
        }
        let binding = self.channel.queue_bind(
            queue.name.into(),
            queue.exchange.into(),
            queue.key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        let bound = answer("bind a queue", binding).await?;
        self.or_warn(&format!("binding of queue {}", queue.name), bound).await?;
        Ok(())
    }

    /// Whether it was declared. If `RabbitMQ` refused with 406 (there in another form) or 403 (not for this user), it
    /// has closed the channel; there is a new one, and a warning.
    async fn or_warn(&mut self, what: &str, declared: lapin::Result<()>) -> Result<bool, Failure> {
        let Err(failed) = declared else {
            return Ok(true);
        };
        let refusal = match failed.kind() {
            ErrorKind::ProtocolError(refusal) if matches!(refusal.get_id(), 403 | 406) => refusal,
            _ => return Err(failed.into()),
        };
        let cure = if refusal.get_id() == 406 {
            "it is used as it is. To have it as it should be, drain it and delete it: it is made anew at the next connect"
        } else {
            "it is used as it is. Give the user the permission, or see to it yourself that it is right"
        };
        let warning = format!("{what} is not as declared: RabbitMQ said \"{}\"; {cure}", said(refusal));
        error!("{warning}");
        self.warnings.push(warning);
        self.channel = self.line.channel().await?;
        Ok(false)
    }
}
