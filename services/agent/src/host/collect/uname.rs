//! The kernel and the host's name, and its clock.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Family, Reading};

static UNAME: Family = Family::gauge("node_uname_info", "The kernel and the name of the host; always 1.");
static TIME: Family = Family::gauge("node_time_seconds", "The clock of the host, in seconds since the Unix epoch.");

pub fn read() -> Vec<Reading> {
    let uname = rustix::system::uname();
    let text = |value: &std::ffi::CStr| value.to_string_lossy().into_owned();
    let labels = vec![
        ("sysname", text(uname.sysname())),
        ("release", text(uname.release())),
        ("version", text(uname.version())),
        ("machine", text(uname.machine())),
        ("nodename", text(uname.nodename())),
    ];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    vec![Reading { family: &UNAME, labels, value: 1.0 }, Reading::plain(&TIME, now.as_secs_f64())]
}

/// The host's name, for the label `instance`.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
