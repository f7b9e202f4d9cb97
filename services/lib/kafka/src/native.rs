//! What the library offers in C only: the identity of topics, what readers have
//! learned of a partition's bounds, and what a client reports that nobody polls.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, NulError, c_char};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::refusal::{self, Certainty, Refusal};

/// A topic as the brokers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// Given to a topic when it is made, never again (KIP-516).
    pub id: u128,
    /// By number.
    pub partitions: Vec<PartitionDescription>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionDescription {
    pub has_leader: bool,
    pub replicas: usize,
    pub in_sync: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DescribeError {
    #[error("{0}")]
    Failed(RDKafkaErrorCode),
    #[error("no answer")]
    NoAnswer,
    #[error(transparent)]
    Name(#[from] NulError),
}

/// Frees what C has given.
struct Owned<T> {
    ptr: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(ptr: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        Some(Self { ptr: NonNull::new(ptr)?, free })
    }

    fn ptr(&self) -> *mut T {
        self.ptr.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: made by `new` from a pointer that is ours and freed nowhere
        // else.
        unsafe { (self.free)(self.ptr.as_ptr()) }
    }
}

/// By name; a topic that does not exist has its error.
pub(crate) type Descriptions = HashMap<String, Result<Description, RDKafkaErrorCode>>;

/// Asks the brokers. Blocks.
pub(crate) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[&str],
    timeout: Duration,
) -> Result<Descriptions, DescribeError> {
    // Alone, a description that waits for a broker keeps two threads of the
    // library busy all the time; this question does not.
    client.fetch_metadata(names.first().copied(), timeout).map_err(|error| match error.rdkafka_error_code() {
        Some(code) => DescribeError::Failed(code),
        None => DescribeError::NoAnswer,
    })?;
    let names: Vec<CString> = names.iter().map(|name| CString::new(*name)).collect::<Result<_, _>>()?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let rk = client.native_ptr();
    let none = || DescribeError::NoAnswer;
    // SAFETY: `rk` lives as long as `client`, which is borrowed; the names are
    // copied by the call; each result is checked for null and owned.
    let (topics, options, queue) = unsafe {
        (
            Owned::new(
                c::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
                c::rd_kafka_TopicCollection_destroy,
            )
            .ok_or_else(none)?,
            Owned::new(
                c::rd_kafka_AdminOptions_new(rk, c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS),
                c::rd_kafka_AdminOptions_destroy,
            )
            .ok_or_else(none)?,
            Owned::new(c::rd_kafka_queue_new(rk), c::rd_kafka_queue_destroy).ok_or_else(none)?,
        )
    };
    // SAFETY: all pointers were just made. The error text is not wanted. The
    // request keeps what it needs of the options and a reference to the queue.
    let event = unsafe {
        c::rd_kafka_AdminOptions_set_request_timeout(options.ptr(), timeout_ms, ptr::null_mut(), 0);
        c::rd_kafka_DescribeTopics(rk, topics.ptr(), options.ptr(), queue.ptr());
        // The request ends by itself after the time-out; the poll waits a
        // little longer for its result.
        let event = c::rd_kafka_queue_poll(queue.ptr(), timeout_ms.saturating_add(1_000));
        Owned::new(event, c::rd_kafka_event_destroy).ok_or_else(none)?
    };
    // SAFETY: the event is owned until the end of this function, and what is
    // read here belongs to it.
    unsafe { read_descriptions(&event) }
}

/// # Safety
/// The event must be alive.
unsafe fn read_descriptions(event: &Owned<c::rd_kafka_event_t>) -> Result<Descriptions, DescribeError> {
    // SAFETY: as promised by the caller; a result of another kind is null.
    unsafe {
        let error = c::rd_kafka_event_error(event.ptr());
        if error != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(DescribeError::Failed(error.into()));
        }
        let result = c::rd_kafka_event_DescribeTopics_result(event.ptr());
        if result.is_null() {
            return Err(DescribeError::NoAnswer);
        }
        let mut count = 0;
        let topics = c::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if topics.is_null() {
            return Err(DescribeError::NoAnswer);
        }
        let described = |topic| {
            let name = CStr::from_ptr(c::rd_kafka_TopicDescription_name(topic));
            (name.to_string_lossy().into_owned(), read_description(topic))
        };
        Ok((0..count).map(|at| described(*topics.add(at))).collect())
    }
}

/// # Safety
/// `topic` must point to a description of a live event.
unsafe fn read_description(topic: *const c::rd_kafka_TopicDescription_t) -> Result<Description, RDKafkaErrorCode> {
    // SAFETY: as promised by the caller; null results are looked for.
    unsafe {
        let error = c::rd_kafka_error_code(c::rd_kafka_TopicDescription_error(topic));
        if error != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(error.into());
        }
        let id = c::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null() {
            return Err(RDKafkaErrorCode::UnsupportedFeature);
        }
        let high = c::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
        let low = c::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
        let mut count = 0;
        let partitions = c::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let mut described: Vec<_> = (0..count).map(|at| read_partition(*partitions.add(at))).collect();
        described.sort_by_key(|(number, _)| *number);
        let partitions = described.into_iter().map(|(_, partition)| partition).collect();
        Ok(Description { id: u128::from(high) << 64 | u128::from(low), partitions })
    }
}

/// # Safety
/// `partition` must point into a description of a live event.
unsafe fn read_partition(partition: *const c::rd_kafka_TopicPartitionInfo_t) -> (i32, PartitionDescription) {
    let (mut replicas, mut in_sync) = (0, 0);
    // SAFETY: as promised by the caller; the lists are only counted.
    unsafe {
        let number = c::rd_kafka_TopicPartitionInfo_partition(partition);
        let leader = c::rd_kafka_TopicPartitionInfo_leader(partition);
        let has_leader = !leader.is_null() && c::rd_kafka_Node_id(leader) >= 0;
        c::rd_kafka_TopicPartitionInfo_replicas(partition, &mut replicas);
        c::rd_kafka_TopicPartitionInfo_isr(partition, &mut in_sync);
        (number, PartitionDescription { has_leader, replicas, in_sync })
    }
}

/// Gives to the context what waits in the queue of a client that nobody polls,
/// and returns what of it is about encryption or log-in. Without this the queue
/// of such a client grows for ever while brokers are away.
pub(crate) fn reported<C: ClientContext>(client: &Client<C>) -> Option<Refusal> {
    let mut told: Option<Refusal> = None;
    // SAFETY: the client lives as long as it is borrowed; the queue and each
    // event are checked for null, owned, and read while they are.
    unsafe {
        let queue = Owned::new(c::rd_kafka_queue_get_main(client.native_ptr()), c::rd_kafka_queue_destroy)?;
        while let Some(event) = Owned::new(c::rd_kafka_queue_poll(queue.ptr(), 0), c::rd_kafka_event_destroy) {
            let new = match c::rd_kafka_event_type(event.ptr()) {
                c::RD_KAFKA_EVENT_LOG => report_line(client, &event),
                c::RD_KAFKA_EVENT_ERROR => report_error(client, &event),
                _ => None,
            };
            let is_known = |refusal: &Refusal| refusal.certainty == Certainty::Known;
            told = told.filter(|told| is_known(told) || new.is_none()).or(new);
        }
    }
    told
}

/// # Safety
/// The event must be alive, and a line of the log.
unsafe fn report_line<C: ClientContext>(client: &Client<C>, event: &Owned<c::rd_kafka_event_t>) -> Option<Refusal> {
    let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
    // SAFETY: as promised by the caller; the texts belong to the event.
    let (facility, line) = unsafe {
        if c::rd_kafka_event_log(event.ptr(), &mut facility, &mut line, &mut level) != 0 {
            return None;
        }
        (text(facility), text(line))
    };
    // Those of syslog.
    let level = match level {
        ..=2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        _ => RDKafkaLogLevel::Info,
    };
    client.context().log(level, &facility, &line);
    refusal::of_line(&line)
}

/// # Safety
/// The event must be alive, and an error.
unsafe fn report_error<C: ClientContext>(client: &Client<C>, event: &Owned<c::rd_kafka_event_t>) -> Option<Refusal> {
    // SAFETY: as promised by the caller; the text belongs to the event.
    let (code, reason): (RDKafkaErrorCode, _) =
        unsafe { (c::rd_kafka_event_error(event.ptr()).into(), text(c::rd_kafka_event_error_string(event.ptr()))) };
    let refusal = refusal::of(Some(code), &reason);
    client.context().error(KafkaError::Global(code), &reason);
    refusal
}

/// # Safety
/// `from` must be null or end with 0.
unsafe fn text(from: *const c_char) -> String {
    if from.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(from) }.to_string_lossy().trim().to_owned()
}

/// Start and end of a partition as of the last fetch, where one was answered.
/// Asks nobody.
pub(crate) fn known_bounds<C: ClientContext>(
    client: &Client<C>,
    topic: &CStr,
    partition: i32,
) -> (Option<u64>, Option<u64>) {
    let (mut start, mut end) = (-1, -1);
    // SAFETY: the client is borrowed, the name ends with 0, the results are
    // written before the call returns.
    let error = unsafe {
        c::rd_kafka_get_watermark_offsets(client.native_ptr(), topic.as_ptr(), partition, &mut start, &mut end)
    };
    if error != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return (None, None);
    }
    (u64::try_from(start).ok(), u64::try_from(end).ok())
}
