//! How many files and connections the process may have open. Systems start
//! processes with 1,024, for programs of the last century, and let them ask
//! for more.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for as many as the system allows, and gives their number; `None`: no
/// limit.
///
/// # Errors
/// When the system refuses what it had said it would allow.
pub fn raise() -> io::Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_taken() {
        let allowed = raise().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, allowed);
    }
}
