//! Who we are: the user, and the password as it stands where it is kept at the
//! time of each new connection.

use async_trait::async_trait;
use parking_lot::Mutex;
use scylla::authentication::{AuthError, AuthenticatorProvider, AuthenticatorSession, PlainTextAuthenticator};
use tidegate_credentials::{Secret, Unusable};

use crate::config::Config;

pub(crate) struct Login {
    config: Config,
    /// The last that could be read.
    password: Mutex<Secret>,
}

impl Login {
    /// # Errors
    /// When the password cannot be read.
    pub fn new(config: &Config) -> Result<Self, Unusable> {
        Ok(Self { config: config.clone(), password: Mutex::new(read(config)?) })
    }

    /// One that cannot be read now, as while its file is replaced, is as it was.
    fn password(&self) -> Secret {
        match read(&self.config) {
            Ok(password) => *self.password.lock() = password,
            Err(error) => tracing::warn!(%error, "store.cassandra: the password before is shown once more"),
        }
        self.password.lock().clone()
    }
}

fn read(config: &Config) -> Result<Secret, Unusable> {
    config.password_source().read(|name| std::env::var_os(name))
}

#[async_trait]
impl AuthenticatorProvider for Login {
    async fn start_authentication_session(
        &self,
        asked_by: &str,
    ) -> Result<(Option<Vec<u8>>, Box<dyn AuthenticatorSession>), AuthError> {
        let password = self.password().reveal().to_owned();
        PlainTextAuthenticator::new(self.config.user.clone(), password).start_authentication_session(asked_by).await
    }
}

#[cfg(test)]
mod tests;
