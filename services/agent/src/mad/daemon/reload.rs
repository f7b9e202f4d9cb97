//! What changes when the daemon's own file does.

use tidegate_mad::config::load_daemon;
use tidegate_runtime::Tasks;

use super::{Daemon, FLUSH, tell};
use crate::mad::certificate::Certificate;
use crate::mad::monitoring;
use crate::mad::watch::Folder;

impl Daemon {
    /// The daemon's own file has changed.
    pub(super) async fn reload(&mut self) {
        let loaded = match load_daemon(&self.options.file, &self.options.environment) {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(%error, "the new configuration cannot be used, the old one stays");
                return;
            }
        };
        tell(&self.options.file, &loaded.notes);
        let old = std::mem::replace(&mut self.config, loaded.config);
        if self.config == old {
            return;
        }
        tracing::info!(file = %self.options.file.display(), "the configuration has been read again");
        if monitoring::differs(&old, &self.config) {
            self.renew_monitoring();
        }
        if (&old.https_key_path, &old.https_certificate_path, old.enable_https)
            != (&self.config.https_key_path, &self.config.https_certificate_path, self.config.enable_https)
        {
            self.load_certificate();
        }
        self.shared.sinks.folder.clone_from(&self.config.log_directory);
        self.routes.replace(self.table());
        if old.pipelines_directory != self.config.pipelines_directory {
            self.move_folder().await;
        }
    }

    /// Pipelines that run go on telling the one before, which hands it on as long as they do.
    fn renew_monitoring(&mut self) {
        let mut tasks = Tasks::new(self.shared.failures.clone());
        self.shared.sinks.own = monitoring::start(&self.config, &self.routes, &self.options.metrics, &mut tasks);
        let before = std::mem::replace(&mut self.monitoring, tasks);
        self.retired.spawn(async move {
            before.finish(FLUSH).await.ok();
        });
    }

    /// Runs the pipelines of the folder that is configured now.
    async fn move_folder(&mut self) {
        let mut folder = Folder::new(self.config.pipelines_directory.clone());
        match folder.first() {
            Ok(mut changes) => {
                self.folder = folder;
                changes.vanished =
                    self.pipelines.keys().filter(|file| !changes.appeared.contains(file)).cloned().collect();
                self.apply(changes).await;
            }
            Err(error) => {
                let folder = folder.path().display();
                tracing::error!(%folder, %error, "the new pipelines' folder cannot be read, the old one stays");
            }
        }
    }

    pub(super) fn load_certificate(&mut self) {
        if !self.config.enable_https {
            self.certificate = None;
            return;
        }
        match &mut self.certificate {
            Some(certificate) => {
                if let Err(error) = certificate.move_to(&self.config) {
                    tracing::error!(%error, "the new certificate cannot be used, the old one stays");
                }
            }
            none => match Certificate::load(&self.config) {
                Ok(loaded) => *none = Some(loaded),
                Err(error) => tracing::error!(%error, "there is no certificate to serve HTTPS with"),
            },
        }
    }
}
