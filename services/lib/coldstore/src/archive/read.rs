//! Reading objects, each as one version of it.

use std::ops::Range;

use tidegate_model::{Labels, TenantId, Window};

use super::{Archive, Attempts};
use crate::fetch::{FetchError, Pinned};
use crate::reader::{Keep, Run, count_samples, read_labels, read_object, read_runs, read_windows};
use crate::{ArchiveError, Coverage, ObjectKey, Parts, Period};

/// Series and their windows.
type Series = Vec<(Labels, Vec<Window>)>;

/// An object as its own rows and footer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCount {
    pub key: ObjectKey,
    pub rows: u64,
    /// Added up from the rows.
    pub samples: u64,
    pub coverage: Coverage,
    pub parts: Parts,
    pub content: u128,
}

/// An object as its footer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSummary {
    pub e_tag: Option<String>,
    pub content: u128,
    pub coverage: Coverage,
    pub parts: Parts,
}

impl ObjectSummary {
    fn of(object: &Pinned) -> Result<Self, ArchiveError> {
        let (e_tag, coverage) = (object.e_tag.clone(), object.coverage.clone());
        Ok(Self { e_tag, content: object.content()?, coverage, parts: object.parts.clone() })
    }
}

/// One version of an object, to be read in pieces. When it is replaced
/// meanwhile, that is an error: what was read is of no use then.
pub struct ObjectReader {
    object: Pinned,
    runs: Vec<Run>,
    pub summary: ObjectSummary,
}

impl ObjectReader {
    /// The labels of the series, in the file's order.
    pub fn series(&self) -> impl ExactSizeIterator<Item = &Labels> {
        self.runs.iter().map(|run| &run.labels)
    }

    /// The windows of some series, by their places in [`ObjectReader::series`].
    ///
    /// # Errors
    /// [`ArchiveError::Replaced`] among others.
    pub async fn windows(&self, series: Range<usize>) -> Result<Vec<Vec<Window>>, ArchiveError> {
        let rows = self.runs[series].iter().map(|run| run.rows.clone()).collect();
        read_windows(&self.object, rows).await.map_err(|error| match error {
            FetchError::Other(error) => error,
            FetchError::Replaced | FetchError::Lost(_) => ArchiveError::Replaced(self.object.path().to_string()),
        })
    }
}

impl Archive {
    /// Series of an hour that `keep` wants, over all shards of the finest tier.
    /// With `name`, only series of that metric are looked at.
    pub async fn read_hour(
        &self,
        tenant: &TenantId,
        hour: u32,
        name: Option<&str>,
        keep: Keep<'_>,
    ) -> Result<Series, ArchiveError> {
        let mut series = Vec::new();
        for key in self.shards(tenant, Period::Hour(hour)).await? {
            series.extend(self.read(&key, name, keep).await?.unwrap_or_default());
        }
        Ok(series)
    }

    /// Series of an object that `keep` wants; `None` when there is no object.
    pub async fn read(
        &self,
        key: &ObjectKey,
        name: Option<&str>,
        keep: Keep<'_>,
    ) -> Result<Option<Series>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            let read = match self.open(&path).await {
                Ok(Some(object)) => read_object(&object, name, keep).await.map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            if let Some(series) = attempts.settle(read)? {
                return Ok(series);
            }
        }
    }

    /// Labels of the series of an object; with `name`, of that metric. `None`
    /// when there is no object.
    pub async fn labels(&self, key: &ObjectKey, name: Option<&str>) -> Result<Option<Vec<Labels>>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            let read = match self.open(&path).await {
                Ok(Some(object)) => read_labels(&object, name).await.map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            if let Some(labels) = attempts.settle(read)? {
                return Ok(labels);
            }
        }
    }

    /// What an object says of itself; `None` when there is none.
    pub async fn summary(&self, key: &ObjectKey) -> Result<Option<ObjectSummary>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            if let Some(object) = attempts.settle(self.open(&path).await)? {
                return object.as_ref().map(ObjectSummary::of).transpose();
            }
        }
    }

    /// What an object covers by its footer; `None` when there is none.
    pub async fn coverage(&self, key: &ObjectKey) -> Result<Option<Coverage>, ArchiveError> {
        Ok(self.summary(key).await?.map(|summary| summary.coverage))
    }

    /// An object, to be read in pieces; `None` when there is none.
    pub async fn reader(&self, key: &ObjectKey) -> Result<Option<ObjectReader>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            let opened = match self.open(&path).await {
                Ok(Some(object)) => read_runs(&object, None).await.map(|runs| Some((object, runs))),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            match attempts.settle(opened)? {
                None => {}
                Some(None) => return Ok(None),
                Some(Some((object, runs))) => {
                    let summary = ObjectSummary::of(&object)?;
                    return Ok(Some(ObjectReader { object, runs, summary }));
                }
            }
        }
    }

    /// Counts an object's rows and samples anew; `None` when there is none.
    pub async fn count(&self, key: &ObjectKey) -> Result<Option<ObjectCount>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            let counted = match self.open(&path).await {
                Ok(Some(object)) => count_samples(&object).await.map(|counted| Some((object, counted))),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            match attempts.settle(counted)? {
                None => {}
                Some(None) => return Ok(None),
                Some(Some((object, (rows, samples)))) => {
                    let ObjectSummary { content, coverage, parts, .. } = ObjectSummary::of(&object)?;
                    return Ok(Some(ObjectCount { key: key.clone(), rows, samples, coverage, parts, content }));
                }
            }
        }
    }
}
