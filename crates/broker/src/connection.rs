//! One connection to `RabbitMQ`, from the socket to its end.

use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    pin::pin,
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{Channel, Connection, ConnectionProperties, Event, runtime, tcp::AsyncTcpStream};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{interval, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use crate::{
    failure::{ANSWER_LIMIT, Failure, answer},
    link::{Link, LinkState},
    settings::Target,
};

/// How often the connection is looked at: lapin announces no end that `RabbitMQ` asked for.
const LOOK: Duration = Duration::from_secs(1);

/// A connection. However it ends, its socket is shut: otherwise lapin's thread would wait for ever for a broker that says
/// nothing, and a blocked connection would never write its goodbye.
pub(crate) struct Line {
    connection: Connection,
    lost: watch::Sender<Option<Failure>>,
    socket: DropGuard,
}

impl Line {
    pub(crate) async fn connect(target: &Target) -> Result<Self, Failure> {
        let cut = CancellationToken::new();
        let socket = cut.clone().drop_guard();
        let tls = target.tls().cloned();
        let properties =
            ConnectionProperties::default().with_connection_name(target.connection_name().into());
        let connecting = Connection::connector(
            target.uri().clone(),
            runtime::default_runtime()?,
            async move |uri, runtime| {
                let host = uri.authority.host.clone();
                let opening = async {
                    let addresses = runtime.to_socket_addrs((host.clone(), uri.authority.port));
                    let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                    if let AsyncTcpStream::Plain(plain) = &stream {
                        shut_when(cut.clone(), plain.get_ref())?;
                    }
                    match &tls {
                        Some(tls) => stream.into_tls(&host, tls.as_ref()).await,
                        None => Ok(stream),
                    }
                };
                let opened = timeout(ANSWER_LIMIT, opening).await;
                Ok(opened.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))?)
            },
            properties,
        );
        let connection = answer("take the connection", connecting).await??;
        Ok(Self { connection, lost: watch::Sender::new(None), socket })
    }

    /// A channel, in time.
    pub(crate) async fn channel(&self) -> Result<Channel, Failure> {
        Ok(answer("open a channel", self.connection.create_channel()).await??)
    }

    /// Keeps `link` as the connection is, and notes when it is lost. Ends never.
    pub(crate) async fn watch(&self, link: &watch::Sender<Link>) {
        let mut events = pin!(self.connection.events_listener());
        let mut look = interval(LOOK);
        loop {
            let failure = tokio::select! {
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        link.send_modify(|link| link.state = LinkState::Blocked { reason });
                        continue;
                    }
                    Some(Event::ConnectionUnblocked) => {
                        link.send_modify(|link| link.state = LinkState::Up);
                        continue;
                    }
                    Some(Event::Error(error)) => Failure::from(error),
                    // lapin's enum, which may grow; the others change nothing for us.
                    Some(_) => continue,
                    None => Failure::new("the connection is closed"),
                },
                _tick = look.tick() => {
                    if self.connection.status().connected() {
                        continue;
                    }
                    Failure::new("RabbitMQ closed the connection")
                }
            };
            self.lost.send_replace(Some(failure));
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the connection is lost.
    pub(crate) async fn lost(&self) -> Failure {
        let mut lost = self.lost.subscribe();
        let failure = lost.wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone());
        failure.unwrap_or_else(|| Failure::new("the connection is closed"))
    }

    /// Whether nothing more can come of it.
    pub(crate) fn is_lost(&self) -> bool {
        !self.connection.status().connected()
    }

    /// Says goodbye if there is somebody to hear it, shuts the socket and waits for lapin's thread, which must end before
    /// the runtime does.
    pub(crate) async fn close(self) {
        if !self.is_lost()
            && !self.connection.status().blocked()
            && let Err(error) = answer("close the connection", self.connection.close(200, "OK".into())).await
        {
            debug!("{error}");
        }
        drop(self.socket);
        let connection = self.connection;
        let ending = spawn_blocking(move || connection.run());
        if timeout(ANSWER_LIMIT, ending).await.is_err() {
            debug!("the thread of a connection to RabbitMQ did not end");
        }
    }
}

/// Shuts a socket that somebody else owns when `cut` is cancelled.
fn shut_when(cut: CancellationToken, socket: &impl AsFd) -> io::Result<()> {
    let socket = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
    tokio::spawn(async move {
        cut.cancelled().await;
        // An error says that the other side was faster.
        let _shut = socket.shutdown(Shutdown::Both);
    });
    Ok(())
}
