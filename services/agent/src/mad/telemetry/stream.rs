//! One client's stream.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use tidegate_mad::Periodic;

use super::commands::{Command, Subscription};
use super::statistics::Statistics;
use super::{Event, Seat, Telemetry, Version, messages};

const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Metrics that one client subscribes to at most.
const MAX_SUBSCRIPTIONS: usize = 10_000;
/// A client that does not take a message for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

impl Telemetry {
    /// The answer to a GET of the stream's path: the stream, or 400 when the
    /// request does not ask for a WebSocket.
    pub async fn answer(&self, version: Version, request: Request<Body>) -> Response<Body> {
        let (mut parts, _) = request.into_parts();
        let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        if self.shared.closing.is_cancelled() {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let Some(seat) = self.take_seat() else {
            self.shared.metrics.refused_clients.inc();
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let stream = Stream { version, seat, subscriptions: HashMap::new(), subscribed: 0 };
        upgrade
            .max_message_size(MAX_MESSAGE_BYTES)
            .max_frame_size(MAX_MESSAGE_BYTES)
            .on_upgrade(|socket| stream.run(socket))
    }
}

struct Stream {
    version: Version,
    seat: Seat,
    /// Service → metric → statistics.
    subscriptions: HashMap<String, HashMap<String, Statistics>>,
    subscribed: usize,
}

/// Why a stream ends before its client ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client is gone, or does not take what it is sent.
    Gone,
    TooManySubscriptions,
}

impl Stream {
    async fn run(mut self, mut socket: WebSocket) {
        let cut_off = self.seat.cut_off.clone();
        let shared = self.seat.telemetry.shared.clone();
        let (code, reason) = tokio::select! {
            end = self.serve(&mut socket) => match end {
                End::Gone => return,
                End::TooManySubscriptions => (close_code::POLICY, "too many subscriptions"),
            },
            () = cut_off.cancelled() => {
                shared.metrics.slow_clients.inc();
                // Its connection is full: a farewell would wait like the rest.
                return;
            }
            () = shared.closing.cancelled() => (close_code::AWAY, "the agent stops"),
        };
        let farewell = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        tokio::time::timeout(Duration::from_secs(1), socket.send(farewell)).await.ok();
    }

    async fn serve(&mut self, socket: &mut WebSocket) -> End {
        loop {
            let served = tokio::select! {
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.obey(socket, &text).await,
                    Some(Ok(Message::Binary(_))) => {
                        self.seat.telemetry.shared.metrics.bad_commands.inc();
                        Ok(())
                    }
                    // Pings are answered below.
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
                },
                event = self.seat.events.recv() => match event {
                    Some(event) => self.tell(socket, event).await,
                    // Cut off, which is noticed elsewhere.
                    None => std::future::pending().await,
                },
            };
            if let Err(end) = served {
                return end;
            }
        }
    }

    async fn obey(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), End> {
        match Command::parse(text, self.version) {
            Some(Command::Heartbeat) => send(socket, messages::HEARTBEAT).await,
            Some(Command::GetMetrics) => {
                let list = messages::metrics_list(&self.seat.telemetry.state().known);
                send(socket, list).await
            }
            Some(Command::Subscribe(to)) => self.subscribe(to),
            Some(Command::Unsubscribe(from)) => {
                self.unsubscribe(&from);
                Ok(())
            }
            Some(Command::GetLogs) => send(socket, messages::NO_LOGS).await,
            Some(Command::Nothing) => Ok(()),
            None => {
                self.seat.telemetry.shared.metrics.bad_commands.inc();
                Ok(())
            }
        }
    }

    fn subscribe(&mut self, to: Subscription) -> Result<(), End> {
        let statistics = Statistics::named(&to.statistic);
        if statistics.is_empty() {
            // There is none of that name, so nothing will ever come.
            return Ok(());
        }
        let metrics = self.subscriptions.entry(to.service).or_default();
        if !metrics.contains_key(&to.metric) {
            if self.subscribed >= MAX_SUBSCRIPTIONS {
                return Err(End::TooManySubscriptions);
            }
            self.subscribed += 1;
        }
        let known = metrics.entry(to.metric).or_default();
        *known = known.with(statistics);
        Ok(())
    }

    fn unsubscribe(&mut self, from: &Subscription) {
        let Some(metrics) = self.subscriptions.get_mut(&from.service) else { return };
        let Some(statistics) = metrics.get_mut(&from.metric) else { return };
        *statistics = statistics.without(Statistics::named(&from.statistic));
        if statistics.is_empty() {
            metrics.remove(&from.metric);
            self.subscribed -= 1;
        }
        if metrics.is_empty() {
            self.subscriptions.remove(&from.service);
        }
    }

    async fn tell(&self, socket: &mut WebSocket, event: Event) -> Result<(), End> {
        match event {
            Event::New(metrics) => {
                for new in metrics.iter() {
                    for statistic in new.statistics.names() {
                        send(socket, messages::new_metric(&new.service, &new.metric, statistic)).await?;
                    }
                }
            }
            Event::Results(results) => {
                for result in results.iter() {
                    self.report(socket, result).await?;
                }
            }
        }
        Ok(())
    }

    async fn report(&self, socket: &mut WebSocket, result: &Periodic) -> Result<(), End> {
        let Some(service) = result.dimensions.get("service") else { return Ok(()) };
        let wanted = self.subscriptions.get(service).and_then(|metrics| metrics.get(&*result.metric));
        let Some(wanted) = wanted else { return Ok(()) };
        for computed in result.statistics.iter().filter(|computed| wanted.has(computed.statistic)) {
            send(socket, messages::report(self.version, service, result, computed)).await?;
        }
        Ok(())
    }
}

async fn send(socket: &mut WebSocket, text: impl Into<String>) -> Result<(), End> {
    let sent = tokio::time::timeout(WRITE_TIMEOUT, socket.send(Message::Text(text.into().into()))).await;
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
