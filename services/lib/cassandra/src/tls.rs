//! TLS to the nodes, by the OpenSSL that Kafka's library brings along.

use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{self, SslConnector, SslConnectorBuilder, SslMethod, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509StoreContextRef, X509VerifyResult};
use scylla::client::session::OpenSsl010Config;

use crate::config::Config;
use crate::error::OpenError;

/// OpenSSL's number for a certificate that does not have the address that was
/// connected to.
const OTHER_ADDRESS: i32 = 64;

/// What section `tls` asks for; `None` where it is off. Reads its files.
pub(crate) fn context(config: &Config) -> Result<Option<OpenSsl010Config>, OpenError> {
    if !config.tls.enabled {
        return Ok(None);
    }
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(|error| unusable("tls.enabled", error))?;
    trust(&mut builder, config.tls.ca_path.as_deref())?;
    if let (Some(certificate), Some(key)) = (&config.tls.certificate_path, &config.tls.key_path) {
        show(&mut builder, certificate, key)?;
    }
    if !config.certificate_name.is_empty() {
        let named = expect_name(&mut builder, &config.certificate_name);
        named.map_err(|error| unusable("certificate_name", error))?;
    }
    Ok(Some(OpenSsl010Config::new(builder)))
}

/// Those of the file and no others; without a file those of the system.
fn trust(builder: &mut SslConnectorBuilder, ca_path: Option<&Path>) -> Result<(), OpenError> {
    let failed = |error: ErrorStack| unusable("tls.ca_path", error);
    let trusted = match ca_path {
        Some(path) => certificates("tls.ca_path", path)?,
        None => {
            let found = rustls_native_certs::load_native_certs().certs;
            let found: Vec<X509> = found.iter().filter_map(|certificate| X509::from_der(certificate).ok()).collect();
            if found.is_empty() {
                return Err(unusable("tls.ca_path", "the system has no certificates to trust: it has to be given"));
            }
            found
        }
    };
    let mut store = X509StoreBuilder::new().map_err(failed)?;
    for certificate in trusted {
        store.add_cert(certificate).map_err(failed)?;
    }
    builder.set_cert_store(store.build());
    Ok(())
}

fn show(builder: &mut SslConnectorBuilder, certificate: &Path, key: &Path) -> Result<(), OpenError> {
    let of_certificate = |error: ErrorStack| unusable("tls.certificate_path", error);
    for (at, certificate) in certificates("tls.certificate_path", certificate)?.into_iter().enumerate() {
        let shown =
            if at == 0 { builder.set_certificate(&certificate) } else { builder.add_extra_chain_cert(certificate) };
        shown.map_err(of_certificate)?;
    }
    let of_key = |error: ErrorStack| unusable("tls.key_path", format!("{}: {}", key.display(), brief(&error)));
    // With an empty password none is asked for on the terminal.
    let private = PKey::private_key_from_pem_passphrase(&read("tls.key_path", key)?, &[]).map_err(of_key)?;
    builder.set_private_key(&private).and_then(|()| builder.check_private_key()).map_err(of_key)
}

/// The driver checks that a certificate has the node's address. Where all nodes
/// share a name instead, that is checked in its place.
fn expect_name(builder: &mut SslConnectorBuilder, name: &str) -> Result<(), ErrorStack> {
    builder.verify_param_mut().set_host(name)?;
    builder.set_verify_callback(SslVerifyMode::PEER, |is_good, found| is_good || is_only_of_another_address(found));
    Ok(())
}

fn is_only_of_another_address(found: &mut X509StoreContextRef) -> bool {
    let is_it = found.error_depth() == 0 && found.error().as_raw() == OTHER_ADDRESS;
    if is_it {
        found.set_error(X509VerifyResult::OK);
    }
    is_it
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<X509>, OpenError> {
    let wrong = |why: String| unusable(key, format!("{}: {why}", path.display()));
    let found = X509::stack_from_pem(&read(key, path)?).map_err(|error| wrong(brief(&error)))?;
    if found.is_empty() { Err(wrong("it holds no certificate".to_owned())) } else { Ok(found) }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|error| unusable(key, format!("{}: {error}", path.display())))
}

/// Which setting a handshake failed for, and why.
pub(crate) fn refusal(config: &Config, error: &ssl::Error) -> (&'static str, String) {
    let reason = error.ssl_error().and_then(|stack| stack.errors().first()?.reason().map(str::to_owned));
    let why = reason.unwrap_or_else(|| error.to_string());
    if why.contains("certificate verify failed") {
        let name = if config.certificate_name.is_empty() { "the node's address" } else { "certificate_name" };
        return ("tls", format!("{why}: tls.ca_path does not vouch for it, or it has expired, or it lacks {name}"));
    }
    if why.contains("alert") { ("tls.certificate_path", why) } else { ("tls", why) }
}

/// The first thing that went wrong, in words.
fn brief(error: &ErrorStack) -> String {
    let reason = error.errors().first().and_then(|error| error.reason());
    reason.map_or_else(|| "no PEM".to_owned(), str::to_owned)
}

fn unusable(key: &'static str, why: impl ToString) -> OpenError {
    OpenError::Config { key, why: why.to_string() }
}

#[cfg(test)]
mod tests;
