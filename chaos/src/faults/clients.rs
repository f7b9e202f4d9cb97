//! Faults of the clients.

use std::time::Duration;

use crate::session::Session;
use crate::watch::Fault;

const HOUR_MS: i64 = 3_600_000;
const WRONG_FOR: Duration = Duration::from_secs(25);
/// The minutes that they have samples of are closed by then, most of them.
const CUT_OFF_FOR: Duration = Duration::from_secs(300);

/// What is an hour ahead is refused, and the client told; what is an hour behind is late and counted.
pub async fn clocks(session: &mut Session) -> anyhow::Result<()> {
    for ahead_ms in [HOUR_MS, -HOUR_MS] {
        session.control.set_clocks(ahead_ms);
        tokio::time::sleep(WRONG_FOR).await;
    }
    session.control.set_clocks(0);
    session.recovered(Fault::now()).await
}

pub async fn cut_off(session: &mut Session) -> anyhow::Result<()> {
    session.control.cut_off(true);
    tokio::time::sleep(CUT_OFF_FOR).await;
    session.control.cut_off(false);
    session.recovered(Fault::now()).await
}
