//! Who a request is from, and what that one may use.

use std::sync::Arc;

use crate::account::{Account, Held, OverLimit, TenantLimits, What};
use crate::file::Token;

/// Who a request is from; among the extensions of each that was let in with a
/// token.
#[derive(Clone, Debug)]
pub struct Principal {
    pub token: Arc<Token>,
    pub tenant: Arc<Account>,
    /// Of the token, where it has limits.
    pub(crate) own: Option<Arc<Account>>,
}

impl Principal {
    /// The token's account before the tenant's: what the one refuses costs the
    /// others nothing.
    fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.own.iter().chain([&self.tenant])
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When the token or the tenant has had its requests.
    pub fn request(&self) -> Result<(), OverLimit> {
        self.accounts().try_for_each(|account| account.request())
    }

    /// Counts samples.
    ///
    /// # Errors
    /// When the token or the tenant has had its samples, or these are more than
    /// it ever has.
    pub fn samples(&self, count: u64) -> Result<(), OverLimit> {
        self.accounts().try_for_each(|account| account.samples(count))
    }

    /// A query from its begin to its end.
    ///
    /// # Errors
    /// When the token or the tenant has as many as it may.
    pub fn query(&self) -> Result<Vec<Held>, OverLimit> {
        self.accounts().map(|account| account.hold(What::Query)).collect()
    }

    /// A stream from its begin to its end.
    ///
    /// # Errors
    /// When the token or the tenant has as many as it may.
    pub fn stream(&self) -> Result<Vec<Held>, OverLimit> {
        self.accounts().map(|account| account.hold(What::Stream)).collect()
    }

    /// The smaller of the token's and the tenant's limit, and whose it is.
    pub fn least(&self, limit: impl Fn(&TenantLimits) -> Option<u64>) -> Option<(u64, &Arc<Account>)> {
        let limits = self.accounts().filter_map(|account| Some((limit(&account.limits())?, account)));
        limits.min_by_key(|(limit, _)| *limit)
    }

    /// As this one, without the limits of its token: for what is done once for
    /// all tokens of a tenant.
    pub fn of_tenant(&self) -> Self {
        Self { own: None, ..self.clone() }
    }
}
